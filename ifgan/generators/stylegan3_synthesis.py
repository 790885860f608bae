"""StyleGAN3's synthesis network: w -> image, under the names of the published files.

Nothing here ties samples of a batch together: normalisations are taken per sample. Matrix products
run in groups of fixed size, which also makes them the same for any number of threads. What differs
from the paper's description is only the order of work: demodulation is computed from sums of
squared weights, without a pass over the modulated ones.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), sections 3.1
(input) and 3.2 (layers); modulation: Karras et al., StyleGAN2 (CVPR 2020), section 2.2.

Shape legend: N batch, R = num_ws, D = w_dim, I / O channels in / out, K kernel, C channels,
H, W canvas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ifgan.generators.activation import FilteredLrelu
from ifgan.generators.convolution import ModulatedConv, modulated_conv
from ifgan.generators.filters import Activation, centred_pad
from ifgan.generators.geometry import (
    LayerGeometry,
    StyleGAN3Settings,
    down_filter,
    geometry,
    up_filter,
)
from ifgan.generators.mapping import (
    LRELU_GAIN,
    LRELU_SLOPE,
    FullyConnected,
    in_groups,
    unit_mean_square,
)


class FourierInput(nn.Module):
    """The first feature map: sinusoids that w moves and turns, mixed by a linear map."""

    transform: Tensor  # (3, 3), the user's; inverse with respect to the image
    freqs: Tensor  # (C, 2), cycles per image side, horizontal first
    phases: Tensor  # (C,), in turns

    def __init__(self, settings: StyleGAN3Settings, first: LayerGeometry) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = first.size, first.rate, first.cutoff
        channels = first.channels
        self.weight = nn.Parameter(torch.empty(channels, channels))
        self.affine = FullyConnected(settings.w_dim, 4)
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.zeros(channels, 2))
        self.register_buffer("phases", torch.zeros(channels))

    def forward(self, style_N4: Tensor, transform_33: Tensor | None) -> Tensor:
        """(N, 4) -> (N, C, H, H)."""
        # Sinusoids in the image's own coordinates.
        user = self.transform if transform_33 is None else transform_33
        total_N33 = self._motion(style_N4) @ user
        phases_NC1 = (self.freqs @ total_N33[:, :2, 2:]) + self.phases[:, None]
        freqs_NC2 = self.freqs @ total_N33[:, :2, :2]

        # Frequencies beyond the first cutoff fade out, instead of aliasing.
        excess_NC = freqs_NC2.norm(dim=2) - self.bandwidth
        fade_NC = (1 - excess_NC / (self.rate / 2 - self.bandwidth)).clamp(0, 1)

        # Samples at pixel centres.
        span = 0.5 * self.size / self.rate
        centres = torch.arange(self.size, device=style_N4.device, dtype=torch.float32) + 0.5
        centres = (centres / self.size * 2 - 1) * span
        x_NC1W = freqs_NC2[:, :, None, :1] * centres
        y_NCH1 = freqs_NC2[:, :, 1:, None] * centres[:, None]
        features_NCHW = torch.sin((x_NC1W + y_NCH1 + phases_NC1[..., None]) * (2 * math.pi))
        features_NCHW *= fade_NC[:, :, None, None]
        weight = self.weight / math.sqrt(len(self.freqs))
        mixed = weight @ features_NCHW.flatten(2)
        return mixed.reshape(features_NCHW.shape)

    def _motion(self, style_N4: Tensor) -> Tensor:
        """The rotation and translation that w asks for, (N, 3, 3)."""
        t_N4 = style_N4 / style_N4[:, :2].norm(dim=1, keepdim=True)
        cos, sin, x, y = t_N4.unbind(1)
        zero, one = torch.zeros_like(cos), torch.ones_like(cos)
        rotation = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], dim=1)
        translation = torch.stack([one, zero, -x, zero, one, -y, zero, zero, one], dim=1)
        return rotation.reshape(-1, 3, 3) @ translation.reshape(-1, 3, 3)


#: Of the weights of one layer, (N, I) and (N, O).
Scales = tuple[Tensor, Tensor]


class SynthesisLayer(nn.Module):
    """Modulated convolution, then the filtered activation."""

    magnitude_ema: Tensor  # ()
    up_filter: Tensor
    down_filter: Tensor
    unit: Tensor  # (O,), brings the weights to a mean square of one
    energy: Tensor  # (O, I), sum of the squares of such weights
    gain: Tensor  # (), of the input
    convolve: ModulatedConv = staticmethod(modulated_conv)

    def __init__(self, settings: StyleGAN3Settings, layer: LayerGeometry) -> None:
        super().__init__()
        self.layer = layer
        self.clamp = math.inf if settings.conv_clamp is None else settings.conv_clamp
        channels_in, k = layer.reads.channels, layer.kernel
        self.weight = nn.Parameter(torch.empty(layer.channels, channels_in, k, k))
        self.bias = nn.Parameter(torch.empty(layer.channels))
        self.affine = FullyConnected(settings.w_dim, channels_in)
        self.register_buffer("magnitude_ema", torch.ones(()))
        filters = {"up_filter": up_filter, "down_filter": down_filter}
        for name, design in filters.items():
            taps = design(settings, layer)
            if taps is not None:
                self.register_buffer(name, torch.from_numpy(taps))

    def prepare(self) -> None:
        """Derive from the weights what does not change between images; call after loading."""
        layer = self.layer
        square = self.weight.square()
        unit = square.mean(dim=(1, 2, 3)).rsqrt()
        energy = square.sum(dim=(2, 3)) * unit.square()[:, None]
        self.register_buffer("unit", unit, persistent=False)
        self.register_buffer("energy", energy, persistent=False)
        gain = self.magnitude_ema.rsqrt()
        gain = gain / math.sqrt(self.weight[0].numel()) if layer.is_rgb else gain
        self.register_buffer("gain", gain, persistent=False)
        one = np.ones(1, dtype=np.float32)
        up_taps = self.up_filter.cpu().numpy() if hasattr(self, "up_filter") else one
        down_taps = self.down_filter.cpu().numpy() if hasattr(self, "down_filter") else one
        self.activation = Activation(
            up=layer.up,
            down=layer.down,
            up_taps=up_taps,
            down_taps=down_taps,
            pad=centred_pad(
                in_size=layer.reads.size + layer.kernel - 1,
                out_size=layer.size,
                up=layer.up,
                down=layer.down,
                up_taps=len(up_taps),
                down_taps=len(down_taps),
            ),
            size=layer.size,
            slope=1.0 if layer.is_rgb else LRELU_SLOPE,
            gain=1.0 if layer.is_rgb else LRELU_GAIN,
            clamp=self.clamp,
        )

    def forward(
        self, x_NIHW: Tensor, scales: Scales, *, filtered: FilteredLrelu, half: torch.dtype | None
    ) -> Tensor:
        """(N, I, H, H), `scales` -> (N, O, size, size), float32; convolves in ``half`` if given."""
        dtype = half if half and self.layer.is_half else torch.float32
        scale_NI, scale_NO = scales
        scale_NOI = scale_NO[:, :, None] * scale_NI[:, None, :] * self.gain
        weight_NOIKK = (self.weight * scale_NOI[..., None, None]).to(dtype)
        y_NOHW = self.convolve(
            x_NIHW.to(dtype), weight_NOIKK, self.bias.to(dtype), padding=self.layer.kernel - 1
        )
        if self.layer.is_rgb:
            return y_NOHW.float().clamp_(-self.clamp, self.clamp)
        return filtered(y_NOHW, self.activation)

    def scales(self, style_NI: Tensor) -> Scales:
        """What modulation multiplies the weights by: (N, I) styles, and (N, O) demodulation.

        Demodulation is taken through ``energy``, without a pass over the modulated weights. Styles
        are normalised per sample, which leaves images independent of each other.
        """
        if self.layer.is_rgb:
            return style_NI, style_NI.new_ones(len(style_NI), len(self.bias))
        style_NI = in_groups(unit_mean_square, style_NI)
        energy_NO = in_groups(lambda square_NI: square_NI @ self.energy.T, style_NI.square())
        return style_NI, self.unit * (energy_NO + 1e-8).rsqrt()


class SynthesisNetwork(nn.Module):
    """w (N, R, D) -> image (N, 3, H, H)."""

    def __init__(self, settings: StyleGAN3Settings, *, filtered: FilteredLrelu) -> None:
        super().__init__()
        self.output_scale = settings.output_scale
        self.filtered = filtered
        self.layers: list[SynthesisLayer] = []
        described = geometry(settings)
        self.input = FourierInput(settings, described[0])
        for layer in described:
            module = SynthesisLayer(settings, layer)
            self.add_module(layer.name, module)
            self.layers.append(module)

    def affines(self) -> list[tuple[str, int, FullyConnected]]:
        """Name, row of w and affine map of the input and every layer, in order of use."""
        layers = enumerate(self.layers, start=1)
        return [
            ("input", 0, self.input.affine),
            *((layer.layer.name, row, layer.affine) for row, layer in layers),
        ]

    def forward(
        self, w_NRD: Tensor, *, transform_33: Tensor | None = None, half: torch.dtype | None = None
    ) -> Tensor:
        """Render; ``transform_33``, also (N, 3, 3), replaces the stored user transform."""
        styles = [in_groups(affine, w_NRD[:, row]) for _, row, affine in self.affines()]
        scales = self.scales(styles[1:])
        return self.render(styles[0], scales, transform_33=transform_33, half=half)

    def scales(self, styles: Sequence[Tensor]) -> list[Scales]:
        """What the weights of each layer are multiplied by, from its styles (N, I)."""
        layers = zip(self.layers, styles, strict=True)
        return [layer.scales(style_NI) for layer, style_NI in layers]

    def render(
        self,
        motion_N4: Tensor,
        scales: Sequence[Scales],
        *,
        transform_33: Tensor | None = None,
        half: torch.dtype | None = None,
    ) -> Tensor:
        """Render from the style of the input and the ``scales`` of each layer."""
        x: Tensor = self.input(motion_N4, transform_33)
        for layer, layers_scales in zip(self.layers, scales, strict=True):
            x = layer(x, layers_scales, filtered=self.filtered, half=half)
        return x * self.output_scale
