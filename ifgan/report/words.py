"""Numbers as a reader wants them: rounded, grouped, with a true minus sign."""

from __future__ import annotations

import math

_MINUS = "\N{MINUS SIGN}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def about(value: float) -> str:
    """A count that is known to two digits: 12,000."""
    return f"{float(f'{value:.2g}'):,.0f}" if value < 1e9 else "more than a billion"


def number(value: float) -> str:
    """About three significant digits; a true minus sign."""
    size = abs(value)
    if 1 <= size < 1e6:
        text = f"{value:,.{0 if size >= 100 else 1 if size >= 10 else 2}f}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", _MINUS)


def tick(value: float) -> str:
    """A large number in the little room beside an axis: 8,000, 20k, 1.5M."""
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if abs(value) >= 1e4 and abs(value) >= size:
            return f"{value / size:g}{unit}".replace("-", _MINUS)
    return f"{value:,.0f}".replace("-", _MINUS)


def decimals(spread: float, *, digits: int) -> int:
    """Decimals that show so many digits of a quantity with this standard deviation."""
    return max(0, digits - 1 - math.floor(math.log10(spread))) if spread > 0 else digits


def fixed(value: float, places: int, *, signed: bool = False) -> str:
    """So many decimals, a true minus sign, no sign on zero."""
    text = f"{value:{'+' if signed else ''}.{places}f}"
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", _MINUS)


def fraction(value: float) -> str:
    """Of a quantity that ends at 1: never rounded up to a perfection that it has not."""
    if 0.9995 <= value < 1:
        return "> 0.999"
    return f"{value:.3f}".replace("-", _MINUS)


def percent(value: float) -> str:
    if 0.9995 <= value < 1:
        return "> 99.9 %"
    return f"{100 * value:.1f} %"


def shorten(text: str, limit: int = 28) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def angle(cosine: float) -> float:
    """Degrees between two directions of this cosine."""
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def degrees(cosine: float) -> str:
    return turned(angle(cosine))


def turned(between: float) -> str:
    """An angle in degrees: decimals only where they say something."""
    return f"{between:.1f}°" if between < 10 else f"{between:.0f}°"
