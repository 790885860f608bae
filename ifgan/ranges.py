"""What an option may be: checks that say in one line what is allowed and what was received."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ifgan.errors import UserError, choices

DEVICES = ("auto", "cpu", "cuda")

#: Factors of the quantities that Kubernetes, Vertex AI and Docker share.
_UNITS = {
    **{unit: 1000**power for power, unit in enumerate("KMGT", start=1)},
    **{f"{unit}i": 1024**power for power, unit in enumerate("KMGT", start=1)},
}


def in_range(option: str, value: float, *, low: float, high: float) -> None:
    """A number between two bounds, both allowed."""
    if not low <= value <= high:
        raise UserError(f"{option} must be in the range [{low:,}, {high:,}]. Got {value:,}.")


def positive(option: str, value: float) -> None:
    """A finite number above 0."""
    if not 0 < value < float("inf"):
        raise UserError(f"{option} must be a finite number above 0. Got {value}.")


def numbers(option: str, given: Any, *, count: int, wanted: str | None = None) -> tuple[float, ...]:
    """So many finite numbers, of one or of a list; ``wanted`` says them in the option's words."""
    is_list = isinstance(given, Sequence) and not isinstance(given, str)
    values = [*given] if is_list else [given]
    right = [
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    ]
    if len(values) != count or not all(right):
        plain = "a number" if count == 1 else f"{count} numbers, as in [{', '.join('0' * count)}]"
        raise UserError(f"{option} must be {wanted or plain}. Got {given}.")
    return tuple(float(value) for value in values)


def one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    """One of the known names."""
    if value not in known:
        raise UserError(f"{option} has no choice '{value}'. {choices(known, value)}")


def once(option: str, names: list[str], what: str) -> None:
    """A list that names nothing twice."""
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserError(
            f"{option} must name each {what} once. Got '{twice[0]}' {names.count(twice[0])} times."
        )


def rising_shares(option: str, shares: list[float]) -> None:
    """Two numbers between 0 and 1, the second not below the first."""
    if len(shares) != 2 or not 0 < shares[0] <= shares[1] < 1:
        raise UserError(
            f"{option} must be two numbers between 0 and 1, the larger one last, such as "
            f"[0.3,0.7]. Got {list(shares)}."
        )


def identifier(option: str, value: str) -> None:
    """A name that may stand in a file name and in a task's name."""
    if not value or not all(letter.isalnum() or letter in "_-" for letter in value):
        raise UserError(f"{option} must consist of letters, digits, '_' and '-'. Got '{value}'.")


def matches(option: str, value: str | None, pattern: str, *, example: str) -> None:
    """Text that fits a pattern whole; null is left alone.

    Names and ids from the configuration pass through here before they reach a shell, a URL or a
    container.
    """
    if value is not None and not re.fullmatch(pattern, value):
        raise UserError(f"{option} must be like {example}. Got '{value}'.")


def bytes_of(option: str, quantity: str) -> int:
    """Bytes of a quantity such as ``16G`` (10**9 each) or ``512Mi`` (2**20 each)."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([KMGT]i?)", quantity)
    if not found or float(found[1]) == 0:
        raise UserError(f"{option} must be a quantity like 16G or 512Mi. Got '{quantity}'.")
    return int(float(found[1]) * _UNITS[found[2]])


def devices(option: object) -> str:
    """``backend.device``, a name or a list of names, as one text."""
    names = option if isinstance(option, list) else str(option).split(",")
    wrong = [str(name) for name in names if not re.fullmatch(r"cpu|cuda:\d{1,3}", str(name))]
    if names and (not wrong or (len(names) == 1 and names[0] in DEVICES)):
        return ",".join(names)
    raise UserError(
        f"backend.device has no choice '{wrong[0] if wrong else ''}'. "
        f"{choices(DEVICES, wrong[0] if wrong else '')} Or list some, as in [cuda:0,cuda:1]."
    )
