"""Options as the published files give them -> the settings of our networks.

Older files (StyleGAN2-ADA) nest the options of the synthesis network in ``synthesis_kwargs``; there
an absent ``conv_clamp`` means none and an absent ``num_fp16_res`` 0. In flat ones, by the StyleGAN3
repository, they mean 256 and 4, the defaults of the settings.

An option that is not understood is refused, since a network that ignores it renders other images.
Values are limited to what a network can plausibly have before anything is built from them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from ifgan.generators.families import NetworkSettings
from ifgan.generators.geometry import StyleGAN3Settings, geometry
from ifgan.generators.mapping import MappingSettings
from ifgan.generators.pickles.rules import RefusedError, shown
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings

T = TypeVar("T")

DESCENDANT = "Only NVIDIA's own StyleGAN2 and StyleGAN3 are supported, no descendants of theirs."
OLDER_DEFAULTS = {"num_fp16_res": 0, "conv_clamp": None}
#: Of training, or of speed alone.
IGNORED = ("magnitude_ema_beta", "w_avg_beta", "fused_modconv_default")
#: Options that our StyleGAN2 has in one form only.
FIXED = {
    "architecture": "skip",
    "use_noise": True,
    "activation": "lrelu",
    "resample_filter": [1, 3, 3, 1],
}
LIMITS = {"num_layers": 64, "img_resolution": 4096, "num_fp16_res": 64}
LIMIT = 2**20  # of all other numbers
MAX_TAPS = 256  # of a filter; published networks have 48 at most


def read_settings(kind: type[NetworkSettings], init_kwargs: dict[str, object]) -> NetworkSettings:
    """Settings of a generator from the keywords it was built with.

    Raises
    ------
    RefusedError
        If an option is unknown, or has a value that is not supported or not plausible.
    """
    options = {name: value for name, value in init_kwargs.items() if name not in IGNORED}
    mapping = _mapping(kind, _nested(options, "mapping_kwargs") or {})
    synthesis = _nested(options, "synthesis_kwargs")
    if synthesis is not None:
        if twice := sorted(options.keys() & synthesis.keys()):
            raise RefusedError(f"gives the option '{shown(twice[0])}' twice")
        options = OLDER_DEFAULTS | options | synthesis
    if kind is StyleGAN2Settings:
        _drop_fixed(options)
    if "img_resolution" not in options:
        raise RefusedError("lacks the option 'img_resolution'", DESCENDANT)
    make: Callable[..., NetworkSettings] = kind
    settings = _built(make, _checked(kind, options) | {"mapping": mapping})
    if settings.img_channels != 3:
        raise RefusedError(
            f"makes images of {settings.img_channels} channels",
            "Use a generator of colour images, which have 3.",
        )
    if isinstance(settings, StyleGAN3Settings):
        _check_filters(settings)
    return settings


def _nested(options: dict[str, object], name: str) -> dict[str, object] | None:
    """Take a group out of the options."""
    group = options.pop(name, None)
    if group is None:
        return None
    if not isinstance(group, dict):
        raise RefusedError(f"has an option '{name}' that is no mapping", DESCENDANT)
    return {key: value for key, value in group.items() if key not in IGNORED}


def _mapping(kind: type[NetworkSettings], options: dict[str, object]) -> MappingSettings:
    # The two families differ in the default of num_layers.
    [default] = [f.default_factory for f in dataclasses.fields(kind) if f.name == "mapping"]
    assert callable(default)
    values = dataclasses.asdict(default()) | _checked(MappingSettings, options)
    return _built(MappingSettings, values)


def _drop_fixed(options: dict[str, object]) -> None:
    for name, only in FIXED.items():
        value = options.pop(name, only)
        if isinstance(value, tuple):
            value = list(value)
        if value != only:
            text = shown(str(value)) if isinstance(value, (str, bool)) else "of another value"
            raise RefusedError(f"has {name} {text}; supported is {only} alone", DESCENDANT)


def _built(kind: Callable[..., T], values: dict[str, Any]) -> T:
    try:
        return kind(**values)
    except ValueError as error:
        raise RefusedError(f"has unfit options: {shown(str(error))}", DESCENDANT) from None


def _checked(kind: type, options: dict[str, object]) -> dict[str, Any]:
    """Options with known names, values of the right type and within limits."""
    hints = get_type_hints(kind)
    hints.pop("mapping", None)
    for name in options:
        if name not in hints:
            raise RefusedError(f"has the option '{shown(name)}', which is not known", DESCENDANT)
    return {name: _value(name, value, hints[name]) for name, value in options.items()}


def _value(name: str, value: Any, hint: Any) -> Any:
    allowed = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if value is None and NoneType in allowed:
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        limit = LIMITS.get(name, LIMIT)
        if not 0 <= value <= limit:  # false for NaN
            raise RefusedError(f"has option {name} outside [0, {limit:,}]", DESCENDANT)
        if float in allowed:
            return float(value)
        if int in allowed and value == math.floor(value):
            return int(value)
    elif type(value) in allowed and type(value) in (bool, str):
        return value
    expected = " or ".join("none" if kind is NoneType else kind.__name__ for kind in allowed)
    raise RefusedError(f"has an option {name} that is not {expected}", DESCENDANT)


def _check_filters(settings: StyleGAN3Settings) -> None:
    try:
        factors = [max(layer.up, layer.down) for layer in geometry(settings)]
    except (ValueError, ArithmeticError):
        raise RefusedError("has options that give no layers", DESCENDANT) from None
    if max(factors) * settings.filter_size > MAX_TAPS:
        raise RefusedError(f"has options that give more than {MAX_TAPS} taps", DESCENDANT)
