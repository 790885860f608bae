"""StyleGAN3's options, and the sizes, rates and frequencies of its layers that follow.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021), section 3.2
("flexible layer specifications") and figure 4c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ifgan.generators.bounds import check_bounds
from ifgan.generators.filters import lowpass
from ifgan.generators.mapping import MappingSettings


@dataclass(frozen=True, kw_only=True)
class StyleGAN3Settings:
    """Options of a StyleGAN3 network, named and defaulted as in the published files.

    Frequencies are in cycles per image side. Config T is the default; config R has
    ``conv_kernel=1``, ``use_radial_filters=True`` and twice the channels.
    """

    img_resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    img_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2.0**2.1
    last_stopband_rel: float = 2.0**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    num_fp16_res: int = 4
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0
    mapping: MappingSettings = field(default_factory=MappingSettings)

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.img_resolution < 8 or not math.log2(self.img_resolution).is_integer():
            raise ValueError(
                f"img_resolution must be a power of two from 8 up, not {self.img_resolution}"
            )
        if not 0 <= self.num_critical < self.num_layers:
            raise ValueError(
                f"num_critical must be in [0, num_layers = {self.num_layers}), "
                f"not {self.num_critical}"
            )
        if not self.first_cutoff < self.first_stopband <= self.img_resolution:
            raise ValueError(
                "first_stopband must be above first_cutoff and at most img_resolution, "
                f"not {self.first_stopband}"
            )

    @property
    def num_ws(self) -> int:
        """Rows of w: one for the input, one per layer, one for the colours."""
        return self.num_layers + 2


@dataclass(frozen=True, kw_only=True)
class LayerGeometry:
    """Where one layer stands: its signal, and the signal it reads.

    Parameters
    ----------
    size, rate : samples and sampling rate of the output grid; the canvas exceeds the image.
    cutoff, half_width : of its low-pass filters.
    source : the layer it reads; None for the first, which reads a signal like its own.
    """

    name: str
    channels: int
    size: int
    rate: int
    cutoff: float
    half_width: float
    kernel: int
    up: int
    down: int
    is_rgb: bool
    is_radial: bool
    is_half: bool
    source: LayerGeometry | None

    @property
    def reads(self) -> LayerGeometry:
        """The layer whose signal comes in."""
        return self.source or self


def geometry(settings: StyleGAN3Settings) -> list[LayerGeometry]:
    """The layers of the synthesis network, the last one making colours."""
    result: list[LayerGeometry] = []
    for i in range(settings.num_layers + 1):
        result.append(_layer(settings, i, result[-1] if result else None))
    return result


def _layer(s: StyleGAN3Settings, i: int, source: LayerGeometry | None) -> LayerGeometry:
    # Frequencies grow geometrically and stay at their last value in the critical layers.
    last_cutoff = s.img_resolution / 2
    last_stopband = last_cutoff * s.last_stopband_rel
    exponent = min(i / (s.num_layers - s.num_critical), 1.0)
    cutoff = s.first_cutoff * (last_cutoff / s.first_cutoff) ** exponent
    stopband = s.first_stopband * (last_stopband / s.first_stopband) ** exponent
    rate = int(2 ** math.ceil(math.log2(min(stopband * 2, s.img_resolution))))

    is_rgb = i == s.num_layers
    is_last_two = i >= s.num_layers - 1
    size = s.img_resolution if is_last_two else rate + 2 * s.margin_size
    channels = int(np.rint(min(s.channel_base / 2 / cutoff, s.channel_max)))
    channels = s.img_channels if is_rgb else channels

    in_rate = source.rate if source else rate
    fine_rate = max(in_rate, rate) * (1 if is_rgb else s.lrelu_upsampling)
    return LayerGeometry(
        name=f"L{i}_{size}_{channels}",
        channels=channels,
        size=size,
        rate=rate,
        cutoff=cutoff,
        half_width=max(stopband, rate / 2) - cutoff,
        kernel=1 if is_rgb else s.conv_kernel,
        up=fine_rate // in_rate,
        down=fine_rate // rate,
        is_rgb=is_rgb,
        is_radial=s.use_radial_filters and i < s.num_layers - s.num_critical,
        is_half=rate * 2**s.num_fp16_res > s.img_resolution,
        source=source,
    )


def up_filter(settings: StyleGAN3Settings, layer: LayerGeometry) -> NDArray[np.float32] | None:
    """The layer's up-sampling filter; None for the identity."""
    if layer.up == 1 or layer.is_rgb:
        return None
    return lowpass(
        settings.filter_size * layer.up,
        cutoff=layer.reads.cutoff,
        width=layer.reads.half_width * 2,
        rate=layer.reads.rate * layer.up,
    )


def down_filter(settings: StyleGAN3Settings, layer: LayerGeometry) -> NDArray[np.float32] | None:
    """The layer's down-sampling filter; None for the identity."""
    if layer.down == 1 or layer.is_rgb:
        return None
    return lowpass(
        settings.filter_size * layer.down,
        cutoff=layer.cutoff,
        width=layer.half_width * 2,
        rate=layer.rate * layer.down,
        radial=layer.is_radial,
    )
