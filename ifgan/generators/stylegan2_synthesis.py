"""StyleGAN2's options and its synthesis network: w -> image, under the published names.

Only the "skip" architecture: every resolution adds its colours to a running image, which is an
image at each step. Nothing here ties samples of a batch together. Constant factors (the leaky
ReLU's gain, the noise's strength) are folded into weights and offsets, and demodulation is computed
from sums of squared weights, so that no pass over the feature maps is spent on them.

Source: Karras et al., Analyzing and Improving the Image Quality of StyleGAN (CVPR 2020), sections
2.2 (modulation) and 4.1 (skip architecture); half precision: Karras et al., Training Generative
Adversarial Networks with Limited Data (NeurIPS 2020), appendix D.

Shape legend: N batch, R = num_ws, D = w_dim, I / O channels in / out, K kernel, h, w grid in,
H, W grid out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifgan.generators.bounds import check_bounds
from ifgan.generators.mapping import (
    LRELU_GAIN,
    LRELU_SLOPE,
    FullyConnected,
    MappingSettings,
    in_groups,
)


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Settings:
    """Options of a StyleGAN2 network, named as in the published files; defaults of the newer ones.

    Older files mean ``num_fp16_res=0`` and ``conv_clamp=None`` where they name neither.
    """

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_fp16_res: int = 4
    conv_clamp: float | None = 256.0
    architecture: str = "skip"
    mapping: MappingSettings = field(default_factory=lambda: MappingSettings(num_layers=8))

    def __post_init__(self) -> None:
        if self.architecture != "skip":
            raise ValueError(
                "architecture must be skip, as that of every published face network is, "
                f"not '{self.architecture}'"
            )
        check_bounds(self)
        if self.img_resolution < 4 or not math.log2(self.img_resolution).is_integer():
            raise ValueError(
                f"img_resolution must be a power of two from 4 up, not {self.img_resolution}"
            )
        if self.channel_base < self.img_resolution:
            raise ValueError(
                f"channel_base must be at least img_resolution = {self.img_resolution}, "
                f"not {self.channel_base}"
            )

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Resolutions of the blocks: 4, 8, … img_resolution."""
        return tuple(2**i for i in range(2, self.img_resolution.bit_length()))

    @property
    def num_ws(self) -> int:
        """Rows of w: one per convolution, and one for the last block's colours."""
        return 2 * len(self.resolutions)

    def channels(self, resolution: int) -> int:
        """Channels of the feature maps at a resolution."""
        return min(self.channel_base // resolution, self.channel_max)


def smoothing_filter() -> Tensor:
    """The 4-tap low-pass filter along both axes, (4, 4), unit sum."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(taps, taps) / 64


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky ReLU, clamp; ``is_up`` doubles the grid."""

    resample_filter: Tensor  # (4, 4)
    noise_const: Tensor  # (H, W)
    noise: Tensor  # (H, W), what is added
    energy: Tensor  # (O, I), sum of the squared weights

    def __init__(
        self, settings: StyleGAN2Settings, *, resolution: int, channels_in: int, is_up: bool
    ) -> None:
        super().__init__()
        self.is_up = is_up
        self.clamp = math.inf if settings.conv_clamp is None else settings.conv_clamp
        channels = settings.channels(resolution)
        self.weight = nn.Parameter(torch.empty(channels, channels_in, 3, 3))
        self.noise_strength = nn.Parameter(torch.empty(()))
        self.bias = nn.Parameter(torch.empty(channels))
        self.register_buffer("resample_filter", smoothing_filter())
        self.register_buffer("noise_const", torch.zeros(resolution, resolution))
        self.affine = FullyConnected(settings.w_dim, channels_in)

    def prepare(self) -> None:
        """Derive from the weights what does not change between images; call after loading."""
        weight = self.weight.detach()
        noise = self.noise_const * (self.noise_strength.detach() * LRELU_GAIN)
        self.register_buffer("noise", noise, persistent=False)
        self.register_buffer("energy", weight.square().sum(dim=(2, 3)), persistent=False)
        if weight.device.type == "cpu":
            # Channels innermost makes images 1.4 times faster; convolutions follow their weights.
            if self.is_up:
                weight = weight.transpose(0, 1)
            weight = weight.contiguous(memory_format=torch.channels_last)
            self.weight.data = weight.transpose(0, 1) if self.is_up else weight

    def forward(self, x_NIhw: Tensor, style_NI: Tensor) -> Tensor:
        """(N, I, h, w), (N, I) -> (N, O, H, W), of the type of x."""
        weight_NOIKK = self._modulated(style_NI).to(x_NIhw.dtype)
        n, o, i, k, _ = weight_NOIKK.shape
        bias = (self.bias * LRELU_GAIN).to(x_NIhw.dtype).repeat(n)
        # One group of channels per sample.
        x = x_NIhw.reshape(1, n * i, *x_NIhw.shape[2:])
        if self.is_up:
            # Folding the filter into 6x6 weights makes four times the work: on one core this takes
            # 80 ms instead of 271 in all at 256, 642 instead of 1368 at 1024; two passes of four
            # taps take 87 and 741. The filter's gain of 4 makes up for the inserted zeros.
            weight = weight_NOIKK.transpose(1, 2).reshape(n * i, o, k, k)
            x = F.conv_transpose2d(x, weight, stride=2, groups=n)
            taps = (self.resample_filter * 4).to(x.dtype).repeat(n * o, 1, 1, 1)
            x = F.conv2d(x, taps, bias, padding=1, groups=n * o)
        else:
            x = F.conv2d(x, weight_NOIKK.reshape(n * o, i, k, k), bias, padding=1, groups=n)
        x.add_(self.noise.to(x.dtype))
        F.leaky_relu_(x, LRELU_SLOPE)
        if math.isfinite(self.clamp):
            x.clamp_(-self.clamp, self.clamp)
        return x.reshape(n, o, *x.shape[2:])

    def _modulated(self, style_NI: Tensor) -> Tensor:
        """Weights times styles, demodulated, times the leaky ReLU's gain: (N, O, I, K, K)."""
        energy_NO = in_groups(lambda square_NI: square_NI @ self.energy.T, style_NI.square())
        demodulate_NO = (energy_NO + 1e-8).rsqrt() * LRELU_GAIN
        scale_NOI = demodulate_NO[:, :, None] * style_NI[:, None, :]
        weight_NOIKK: Tensor = self.weight * scale_NOI[..., None, None]
        return weight_NOIKK


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, not demodulated."""

    def __init__(self, settings: StyleGAN2Settings, *, channels_in: int) -> None:
        super().__init__()
        self.clamp = math.inf if settings.conv_clamp is None else settings.conv_clamp
        self.weight = nn.Parameter(torch.empty(settings.img_channels, channels_in, 1, 1))
        self.bias = nn.Parameter(torch.empty(settings.img_channels))
        self.affine = FullyConnected(settings.w_dim, channels_in)

    def forward(self, x_NIHW: Tensor, style_NI: Tensor) -> Tensor:
        """(N, I, H, W), (N, I) -> (N, 3, H, W), float32."""
        dtype, channels_in = x_NIHW.dtype, x_NIHW.shape[1]
        scale_NI = style_NI / math.sqrt(channels_in)
        weight_NOI = self.weight.flatten(1) * scale_NI[:, None, :]
        # As a matrix product, which reads channels in any layout; convolutions copy them first.
        bias_O1 = self.bias[:, None].to(dtype)
        y = torch.baddbmm(bias_O1, weight_NOI.to(dtype), x_NIHW.flatten(2))
        return y.reshape(*y.shape[:2], *x_NIHW.shape[2:]).float().clamp_(-self.clamp, self.clamp)


class SynthesisBlock(nn.Module):
    """One resolution: its convolutions, and its contribution to the image."""

    resample_filter: Tensor  # (4, 4)

    def __init__(self, settings: StyleGAN2Settings, resolution: int) -> None:
        super().__init__()
        self.resolution = resolution
        self.is_half = resolution > 4 and (
            resolution * 2**settings.num_fp16_res > settings.img_resolution
        )
        channels = settings.channels(resolution)
        self.register_buffer("resample_filter", smoothing_filter())
        if resolution == 4:
            self.const = nn.Parameter(torch.empty(channels, 4, 4))
        else:
            channels_in = settings.channels(resolution // 2)
            self.conv0 = SynthesisLayer(
                settings, resolution=resolution, channels_in=channels_in, is_up=True
            )
        self.conv1 = SynthesisLayer(
            settings, resolution=resolution, channels_in=channels, is_up=False
        )
        self.torgb = ToRGB(settings, channels_in=channels)

    def upsample(self, image_N3hw: Tensor) -> Tensor:
        """The image so far on this block's grid, (N, 3, H, W)."""
        taps = (self.resample_filter * 4).repeat(image_N3hw.shape[1], 1, 1, 1)
        return F.conv_transpose2d(image_N3hw, taps, stride=2, padding=1, groups=len(taps))


class SynthesisNetwork(nn.Module):
    """w (N, R, D) -> image (N, 3, H, W)."""

    def __init__(self, settings: StyleGAN2Settings) -> None:
        super().__init__()
        self.blocks: list[SynthesisBlock] = []
        for resolution in settings.resolutions:
            block = SynthesisBlock(settings, resolution)
            self.add_module(f"b{resolution}", block)
            self.blocks.append(block)

    def prepare(self) -> None:
        """Call after loading weights."""
        for module in self.modules():
            if isinstance(module, SynthesisLayer):
                module.prepare()

    def affines(self, exit_resolution: int | None = None) -> list[tuple[str, int, FullyConnected]]:
        """Name, row of w and affine map of every layer that an image needs, in order of use."""
        found = []
        for i, block in enumerate(self.blocks):
            if exit_resolution is not None and block.resolution > exit_resolution:
                break
            # The row of a block's colours is also that of the next block's first convolution.
            layers = {"conv1": 2 * i, "torgb": 2 * i + 1}
            for name, row in (({"conv0": 2 * i - 1} if i else {}) | layers).items():
                found.append((f"b{block.resolution}.{name}", row, getattr(block, name).affine))
        return found

    def forward(
        self, w_NRD: Tensor, *, exit_resolution: int | None = None, half: torch.dtype | None = None
    ) -> Tensor:
        """Render; stop at a resolution if given; high resolutions in ``half`` if given."""
        styles = [in_groups(a, w_NRD[:, row]) for _, row, a in self.affines(exit_resolution)]
        return self.render(styles, half=half)

    def render(self, styles: Sequence[Tensor], *, half: torch.dtype | None = None) -> Tensor:
        """Render from the styles (N, I) of the layers of ``affines``; stop where they end."""
        style = iter(styles)
        first = self.blocks[0]
        x = first.const.expand(len(styles[0]), -1, -1, -1)
        x = first.conv1(x, next(style))
        image: Tensor = first.torgb(x, next(style))
        for block in self.blocks[1 : 1 + (len(styles) - 2) // 3]:
            x = x.to(half) if half and block.is_half else x
            x = block.conv0(x, next(style))
            x = block.conv1(x, next(style))
            image = block.upsample(image) + block.torgb(x, next(style))
        return image
