"""A StyleGAN3 that learns to draw toy faces: the network, and a form of it that gradients pass.

Its mapping network begins with toyfaces' own, so that the same latent means the same face, and
`straighten` teaches the rest of it what a face looks like. While the synthesis learns, its layers
read that appearance instead of w: a linear read-out of w, which is multiplied into the layers
afterwards.

Shape legend: N faces, D = 512 dimensions of w, A numbers that are read from w, I / O channels in /
out, H = W grid, U fine grid, T coarse grid that results.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence

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
from ifgan.toyfaces.lessons import population
from ifgan.toyfaces.space import DIM, load_space
from ifgan.toyfaces.straighten import Straightener

#: Config T in small: two cores render a hundred faces of it in a second.
SETTINGS = StyleGAN3Settings(
    img_resolution=64,
    w_dim=DIM,
    channel_base=1024,
    channel_max=64,
    num_layers=7,
    first_cutoff=4.0,
    first_stopband=8.0,
    margin_size=2,
    num_fp16_res=0,
    conv_clamp=None,
    mapping=MappingSettings(num_layers=4, layer_features=DIM, lr_multiplier=1.0),
)

_STYLE_WEIGHTS = 0.1  # deviation of the initial ones: styles that jump about are learnt from slowly
_POPULATION_SEED = 4_400_000_001  # of the faces whose w is averaged

Activate = Callable[[Tensor], Tensor]


class Student(nn.Module):
    """The synthesis network of an appearance, in a form that gradients pass.

    Styles scale the features instead of the weights, so that a batch shares one convolution.

    Parameters
    ----------
    settings : of the network that it becomes; ``w_dim`` is replaced by ``reads``.
    reads : how many numbers it reads of every face.
    seed : of the initial weights.
    """

    def __init__(self, settings: StyleGAN3Settings, *, reads: int, seed: int) -> None:
        super().__init__()
        self.settings = settings
        narrow = dataclasses.replace(settings, w_dim=reads, mapping=MappingSettings(num_layers=1))
        network = StyleGAN3Network(narrow)
        random_weights(network, generator=torch.Generator().manual_seed(seed))
        self.synthesis = network.synthesis
        for layer in self.synthesis.layers:
            layer.prepare()
            with torch.no_grad():
                layer.affine.weight.mul_(_STYLE_WEIGHTS)

    def forward(self, numbers_NA: Tensor) -> Tensor:
        """Faces (N, 3, H, H), nominal range [-1, 1], of what is read of them."""
        start, *styles = [affine(numbers_NA) for _, _, affine in self.synthesis.affines()]
        x: Tensor = self.synthesis.input(start, None)
        for layer, style_NI in zip(self.synthesis.layers, styles, strict=True):
            scale_NI, unscale_NO = _scales(layer, style_NI)
            x = _convolve(layer, x, scale_NI, unscale_NO)
            if not layer.layer.is_rgb:
                x = _activation(layer.activation, x.shape[-1], x.device)(x)
        return x * self.synthesis.output_scale


@functools.lru_cache(maxsize=256)
def _activation(act: Activation, size: int, device: torch.device) -> Activate:
    """The filtered activation, by compiled passes on a processor that has numba."""
    if device.type == "cpu":
        try:
            from ifgan.toyfaces import filtered_gradient
        except ImportError:
            pass
        else:
            if filtered_gradient.supports(act):
                filters = filtered_gradient.Filters(act, size)
                return lambda x_NCHW: filtered_gradient.filtered_lrelu(x_NCHW, filters)
    up_UH, down_TU = (matrix.to(device) for matrix in bands(act, size))
    return lambda x_NCHW: banded_lrelu(x_NCHW, up_UH, down_TU)


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


def banded_lrelu(x_NCHW: Tensor, up_UH: Tensor, down_TU: Tensor) -> Tensor:
    """Up-sample, leaky ReLU, down-sample; each along columns, then rows, as matrix products."""
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
def assemble(
    network: StyleGAN2Network | StyleGAN3Network,
    synthesis: nn.Module,
    *,
    layers: Sequence[tuple[Tensor, Tensor]],
    read: tuple[Tensor, Tensor],
    w_avg: Tensor,
) -> None:
    """Make a network draw of w what ``synthesis`` draws of what is read from w.

    Parameters
    ----------
    network : all of it is replaced.
    synthesis : the same network's synthesis, but with A dimensions of w.
    layers : weights and biases of the mapping network, as they are applied.
    read : weights (A, D) and biases (A,) of the read-out.
    w_avg : (D,).
    """
    read_AD, shift_A = (part.double().cpu() for part in read)
    state = dict(synthesis.state_dict())
    for name, module in synthesis.named_modules():
        if isinstance(module, FullyConnected):
            weight_OA, bias_O = (part.double().cpu() for part in module.effective())
            state[f"{name}.weight"] = (weight_OA @ read_AD * math.sqrt(DIM)).float()
            state[f"{name}.bias"] = (bias_O + weight_OA @ shift_A).float()
    network.synthesis.load_state_dict(state)
    for i, (weight_DD, bias_D) in enumerate(layers):
        layer = network.mapping.get_submodule(f"fc{i}")
        assert isinstance(layer, FullyConnected)
        layer.weight.copy_(weight_DD * math.sqrt(DIM))
        layer.bias.copy_(bias_D)
    network.mapping.w_avg.copy_(w_avg)


def widen(network: StyleGAN2Network | StyleGAN3Network, synthesis: nn.Module) -> None:
    """`assemble` with toyfaces' own mapping, of two layers, and traits as what is read."""
    space = load_space()
    zero_D = torch.zeros(DIM, dtype=torch.float64)
    assemble(
        network,
        synthesis,
        layers=[(weight_DD, zero_D) for weight_DD in space.layers],
        read=(space.readout, -space.readout @ space.w_avg),
        w_avg=space.w_avg,
    )


def finished(student: Student, straightener: Straightener) -> dict[str, Tensor]:
    """The tensors of the network that a student has become; what was learnt is float16."""
    network = StyleGAN3Network(student.settings)
    with torch.no_grad():
        random = torch.Generator().manual_seed(_POPULATION_SEED)
        w_avg = straightener.w(population(1 << 15, random).float()).mean(dim=0)
    read = straightener.read
    assemble(
        network,
        student.synthesis,
        layers=straightener.mapping_layers(),
        read=(read.weight.detach(), read.bias.detach()),
        w_avg=w_avg,
    )
    learnt = {name for name, _ in network.named_parameters()}
    return {
        name: tensor.half() if name in learnt else tensor
        for name, tensor in network.state_dict().items()
    }
