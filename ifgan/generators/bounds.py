"""What a network's options may be, asked before anything of their size is allocated.

Files come from anywhere. Every published network is far inside these bounds.
"""

from __future__ import annotations

import math
from typing import Any

_WIDEST = 65_536
#: whole number -> least and largest
_WHOLE = {
    "img_resolution": (4, 16_384),
    "z_dim": (1, _WIDEST),
    "c_dim": (0, _WIDEST),
    "w_dim": (1, _WIDEST),
    "img_channels": (1, 1_024),
    "channel_base": (1, 2**30),
    "channel_max": (1, _WIDEST),
    "num_layers": (1, 256),
    "num_critical": (0, 256),
    "margin_size": (0, 1_024),
    "num_fp16_res": (0, 64),
    "conv_kernel": (1, 31),
    "filter_size": (1, 64),
    "lrelu_upsampling": (1, 16),
    "embed_features": (1, _WIDEST),
    "layer_features": (1, _WIDEST),
}
_POSITIVE = (
    "first_cutoff",
    "first_stopband",
    "last_stopband_rel",
    "output_scale",
    "conv_clamp",
    "lr_multiplier",
)


def check_bounds(settings: Any) -> None:
    """Look at those of these options that a settings object has; null is left alone.

    Raises
    ------
    ValueError
        That names the option, what it may be and what it is.
    """
    for name, (least, largest) in _WHOLE.items():
        value = getattr(settings, name, None)
        if value is not None and value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
        if value is not None and value > largest:
            raise ValueError(f"{name} must be at most {largest}, not {value}")
    for name in _POSITIVE:
        value = getattr(settings, name, None)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be a finite number above 0, not {value}")
