"""Settings of a step from loosely typed values, as JSON and KFP deliver them."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from ifgan.errors import UserError
from ifgan.specs import Settings, StepSpec


def settings_from_dict(spec: StepSpec, values: Mapping[str, Any]) -> Settings:
    """Settings of a step from loosely typed values, as JSON and KFP deliver them.

    An absent or null value is None where the field allows it; whole floats become ints (KFP's
    JSON numbers lose the difference).

    Raises
    ------
    UserError
        On an unknown or missing setting, or a value of the wrong type.
    """
    hints = get_type_hints(spec.settings)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise UserError(
            f"step {spec.name} has no setting '{unknown[0]}'. It takes: {', '.join(hints)}."
        )
    coerced = {name: _coerce(spec, name, hint, values.get(name)) for name, hint in hints.items()}
    return spec.settings(**coerced)


def of_blocks(step: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What blocks of one family have in common, of the settings of the step that makes them.

    A face depends on no other seed; a classifier that reads prompts keeps embeddings of images.
    """
    if step == "sampler":
        return {name: v for name, v in settings.items() if name not in ("seed", "num_samples")}
    return {**settings, "prompts": None}


def base_type(hint: Any) -> tuple[Any, bool]:
    """The type without ``| None``, and whether None was allowed."""
    if get_origin(hint) in (Union, types.UnionType):
        members = [member for member in get_args(hint) if member is not type(None)]
        assert len(members) == 1, hint
        return members[0], True
    return hint, False


def _coerce(spec: StepSpec, name: str, hint: Any, value: Any) -> Any:
    kind, optional = base_type(hint)
    if value is None and optional:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int and is_number and float(value).is_integer():
        return int(value)
    if kind is float and is_number:
        return float(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    if get_origin(kind) is list and isinstance(value, list):
        [member] = get_args(kind)
        return [_coerce(spec, name, member, item) for item in value]
    wanted = getattr(kind, "__name__", str(kind))
    raise UserError(f"setting {name} of step {spec.name} must be of type {wanted}. Got {value!r}.")
