"""A StyleGAN3 that learns to draw toy faces: the network, and a form of it that gradients pass.

Its mapping network is toyfaces' own, which has StyleGAN's form, so that both have the same w and
only the synthesis is learnt. While it learns, its layers read traits instead of w: the linear
read-outs of w that toyfaces draws by. That is the same function, and spares it finding some 80
directions of 512; `widen` multiplies the read-outs into the layers afterwards.

Shape legend: N faces, D = 512 dimensions of w, K traits, I / O channels in / out, H = W grid,
U fine grid, T coarse grid that results.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifgan.generators.filters import Activation, up_phases
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import (
    LRELU_SLOPE,
    FullyConnected,
    MappingSettings,
    unit_mean_square,
)
from ifgan.generators.stylegan2 import StyleGAN2Network
from ifgan.generators.stylegan3 import StyleGAN3Network, random_weights
from ifgan.generators.stylegan3_synthesis import SynthesisLayer
from ifgan.toyfaces.space import DIM, load_space
from ifgan.toyfaces.traits import TRAITS

#: Config T in small: a processor renders a hundred faces of it in a second.
SETTINGS = StyleGAN3Settings(
    img_resolution=64,
    w_dim=DIM,
    channel_base=1024,
    channel_max=64,
    num_layers=10,
    margin_size=4,
    num_fp16_res=0,
    conv_clamp=None,
    mapping=MappingSettings(num_layers=2, layer_features=DIM, lr_multiplier=1.0),
)


class Student(nn.Module):
    """The synthesis network of traits, with activations as products of banded matrices.

    Along one axis a filter that also changes the grid is a matrix; gradients pass products, and
    processors multiply matrices best. Styles scale the features instead of the weights, so that a
    batch shares one convolution.

    Parameters
    ----------
    settings : of the network that it becomes; ``w_dim`` is replaced by the number of traits.
    seed : of the initial weights.
    """

    def __init__(self, settings: StyleGAN3Settings, *, seed: int) -> None:
        super().__init__()
        self.settings = settings
        narrow = dataclasses.replace(
            settings, w_dim=len(TRAITS), mapping=MappingSettings(num_layers=1)
        )
        network = StyleGAN3Network(narrow)
        random_weights(network, generator=torch.Generator().manual_seed(seed))
        self.synthesis = network.synthesis
        for i, layer in enumerate(self.synthesis.layers):
            layer.prepare()
            if not layer.layer.is_rgb:
                up_UH, down_TU = bands(layer.activation, layer.layer.reads.size + 2)
                self.register_buffer(f"up{i}", up_UH, persistent=False)
                self.register_buffer(f"down{i}", down_TU, persistent=False)

    def forward(self, traits_NK: Tensor) -> Tensor:
        """Faces (N, 3, H, H), nominal range [-1, 1], of traits in standard deviations."""
        # Half precision would show in places and phases, and saves nothing in what is so small.
        with torch.autocast(traits_NK.device.type, enabled=False):
            start, *styles = [affine(traits_NK) for _, _, affine in self.synthesis.affines()]
            x: Tensor = self.synthesis.input(start, None)
            scales = [
                _scales(layer, style_NI)
                for layer, style_NI in zip(self.synthesis.layers, styles, strict=True)
            ]
        for i, (layer, (scale_NI, unscale_NO)) in enumerate(
            zip(self.synthesis.layers, scales, strict=True)
        ):
            x = _convolve(layer, x, scale_NI, unscale_NO)
            if not layer.layer.is_rgb:
                x = _activate(x, getattr(self, f"up{i}"), getattr(self, f"down{i}"))
        return x.float() * self.synthesis.output_scale


def bands(act: Activation, in_size: int) -> tuple[Tensor, Tensor]:
    """What an activation's two filters are along one axis: (U, H) and (T, U) matrices.

    The first has the square root of the leaky ReLU's gain in it: see ``up_phases``.
    """
    up_UH = np.zeros((act.fine_size, in_size))
    phases = up_phases(act)
    for u, row_H in enumerate(up_UH):
        for tap in phases[u % act.up]:
            if 0 <= u // act.up + tap.start < in_size:
                row_H[u // act.up + tap.start] += tap.weight
    down_TU = np.zeros((act.size, act.fine_size))
    for t, row_U in enumerate(down_TU):
        row_U[t * act.down : t * act.down + len(act.down_taps)] = act.down_taps[::-1]
    return torch.from_numpy(up_UH).float(), torch.from_numpy(down_TU).float()


def _activate(x_NCHW: Tensor, up_UH: Tensor, down_TU: Tensor) -> Tensor:
    """Up-sample, leaky ReLU, down-sample; each along columns, then rows."""
    fine_NCUU = F.linear(F.linear(x_NCHW, up_UH).transpose(2, 3), up_UH)
    fine_NCUU = F.leaky_relu(fine_NCUU, LRELU_SLOPE)
    return F.linear(F.linear(fine_NCUU, down_TU).transpose(2, 3), down_TU)


def _scales(layer: SynthesisLayer, style_NI: Tensor) -> tuple[Tensor, Tensor]:
    """What modulation and demodulation multiply the features by: (N, I) before, (N, O) after."""
    if layer.layer.is_rgb:
        ones_NO = style_NI.new_ones(len(style_NI), len(layer.bias))
        return style_NI / math.sqrt(style_NI.shape[1]), ones_NO
    style_NI = unit_mean_square(style_NI)
    energy_NO = style_NI.square() @ layer.weight.square().sum(dim=(2, 3)).T
    return style_NI, (energy_NO + 1e-8).rsqrt()


def _convolve(
    layer: SynthesisLayer, x_NIHW: Tensor, scale_NI: Tensor, unscale_NO: Tensor
) -> Tensor:
    x_NIHW = x_NIHW * scale_NI[:, :, None, None].to(x_NIHW.dtype)
    y_NOHW = F.conv2d(x_NIHW, layer.weight, padding=layer.layer.kernel - 1)
    y_NOHW = y_NOHW * unscale_NO[:, :, None, None].to(y_NOHW.dtype)
    return y_NOHW + layer.bias[:, None, None].to(y_NOHW.dtype)


@torch.no_grad()
def widen(network: StyleGAN2Network | StyleGAN3Network, synthesis: nn.Module) -> None:
    """Make a network draw of w what ``synthesis`` draws of traits.

    Parameters
    ----------
    network : of toyfaces' mapping (two layers of 512) and ``w_dim`` 512; all of it is replaced.
    synthesis : the same network's synthesis, but with as many dimensions of w as there are traits.
    """
    space = load_space()
    state = dict(synthesis.state_dict())
    for name, module in synthesis.named_modules():
        if isinstance(module, FullyConnected):
            weight_OK, bias_O = (part.double().cpu() for part in module.effective())
            weight_OD = weight_OK @ space.readout
            state[f"{name}.weight"] = (weight_OD * math.sqrt(DIM)).float()
            state[f"{name}.bias"] = (bias_O - weight_OD @ space.w_avg).float()
    network.synthesis.load_state_dict(state)
    for i, weight_DD in enumerate(space.layers):
        layer = network.mapping.get_submodule(f"fc{i}")
        assert isinstance(layer, FullyConnected)
        layer.weight.copy_(weight_DD * math.sqrt(DIM))
        layer.bias.zero_()
    network.mapping.w_avg.copy_(space.w_avg)


def finished(student: Student) -> dict[str, Tensor]:
    """The tensors of the network that a student has become.

    What is learnt is float16; the mapping stays as it is, so that its w is toyfaces'.
    """
    network = StyleGAN3Network(student.settings)
    widen(network, student.synthesis)
    learnt = {f"synthesis.{name}" for name, _ in network.synthesis.named_parameters()}
    return {
        name: tensor.half() if name in learnt else tensor
        for name, tensor in network.state_dict().items()
    }
