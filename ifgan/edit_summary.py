"""The edit table in words: for a terminal, and for what a page says of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ifgan.edit_table import Effect, Interval, Row, Step

#: What the measures of likeness are called.
LIKENESS = {
    "identity": "identity similarity",
    "perceptual": "perceptual distance (LPIPS-like)",
}
SELF_SCORED = "self-scored: this classifier also made the labels of the fit"


@dataclass(frozen=True)
class Comparison:
    """A condition's change along two boundaries of one attribute, at its equal change.

    Parameters
    ----------
    attribute, space : what is edited, and in which space and metric.
    condition : the attribute that the second boundary is conditioned on.
    unit : of the changes.
    plain, conditional : change of the condition along either.
    """

    attribute: str
    space: str
    condition: str
    unit: str
    plain: Interval
    conditional: Interval

    @property
    def factor(self) -> float:
        """How many times less the conditional boundary changes it."""
        return abs(self.plain.mean) / max(abs(self.conditional.mean), 1e-9)

    @property
    def at_least(self) -> float:
        """The same from the near end of one interval to the far end of the other."""
        near = 0.0
        if self.plain.low * self.plain.high > 0:
            near = min(abs(self.plain.low), abs(self.plain.high))
        return near / max(abs(self.conditional.low), abs(self.conditional.high), 1e-9)

    def __str__(self) -> str:
        sigma = " σ" if self.unit == "σ" else f" {self.unit}"
        return (
            f"{self.condition} per equal change of {self.attribute} in {self.space}: "
            f"{self.plain.mean:+.2f}{sigma} unconditionally, {self.conditional.mean:+.2f}{sigma} "
            f"conditioned on it: {self.factor:.1f}x less (at least {self.at_least:.1f}x)"
        )


def title(attribute: str, conditions: Sequence[str]) -> str:
    """What a boundary is called."""
    return f"{attribute} | {', '.join(conditions)}" if conditions else attribute


def told_apart(rows: Sequence[Row]) -> list[Row]:
    """Rows under names that say their space where several are compared."""
    if len({row.space for row in rows}) < 2:
        return [*rows]
    return [dataclasses.replace(row, name=f"{row.name} {row.space.upper()}") for row in rows]


def comparisons(rows: Sequence[Row]) -> list[Comparison]:
    """Every conditional boundary against the unconditional one of its attribute and space."""
    found = []
    for plain in rows:
        for conditional in rows:
            same = _compared(plain) == _compared(conditional)
            if plain.conditions or not conditional.conditions or not same:
                continue
            for condition in conditional.conditions:
                one, other = plain.effect(condition), conditional.effect(condition)
                if one is not None and other is not None:
                    (before, unit), (after, _) = figure(one), figure(other)
                    space = f"{plain.space.upper()}, {plain.metric}"
                    found.append(Comparison(plain.attribute, space, condition, unit, before, after))
    return found


def _compared(row: Row) -> tuple[str, str, str]:
    return row.column, row.space, row.metric


def figure(effect: Effect) -> tuple[Interval, str]:
    """What a change comes to: of presence in percentage points, of a quantity in its unit."""
    if effect.presence is not None:
        return effect.presence, "pp"
    return effect.change, effect.unit


def reach(row: Row) -> str:
    """Why a row has no figures."""
    effects = [step.effects for step in row.steps]
    own = [e.in_sigmas.mean for found in effects for e in found if e.name == row.column]
    return f"not reached: {max([0.0, *own]):+.2f} σ at most within these steps"


def lines(rows: Sequence[Row]) -> list[str]:
    """The table for a terminal."""
    first = rows[0]
    found = [
        f"Mean change of every attribute where the edited one changes by {first.wanted:g} σ, a "
        "standard deviation of its score,",
        f"of {first.num_samples:,} faces from seed {first.seed}, scored by '{first.judge}'; "
        "± half of a 95 % bootstrap interval.",
        *([f"[{SELF_SCORED}]"] if first.self_scored else []),
        "",
        "in standard deviations of each attribute's score",
        *_matrix(rows, lambda effect: _cell(effect.in_sigmas, 2)),
        "",
        "in percentage points of presence (pp), or in the attribute's unit",
        *_matrix(rows, lambda effect: _cell(figure(effect)[0], 1), units=True),
        "",
        "the step that does it, and that after which half of the faces have left W's population",
        *_steps(rows),
        *_likeness(rows),
    ]
    compared = [str(comparison) for comparison in comparisons(rows)]
    return [*found, *(["", *compared] if compared else [])]


def _cell(interval: Interval, places: int) -> str:
    return f"{interval.mean:+.{places}f} ±{(interval.high - interval.low) / 2:.{places}f}"


def _matrix(
    rows: Sequence[Row], cell: Callable[[Effect], str], *, units: bool = False
) -> list[str]:
    names = [effect.name for effect in _any_step(rows).effects]
    heads = names
    if units:
        heads = [f"{e.name} [{figure(e)[1]}]" for e in _any_step(rows).effects]
    body = [
        [row.name, *([cell(e) for e in row.equal.effects] if row.equal else [reach(row)])]
        for row in rows
    ]
    return _table(["edited", *heads], body)


def _any_step(rows: Sequence[Row]) -> Step:
    return next(step for row in rows for step in (row.equal, *row.steps) if step is not None)


def _steps(rows: Sequence[Row]) -> list[str]:
    body = []
    for row in rows:
        step = row.equal
        leaves = "" if row.leaves_after is None else f"{row.leaves_after:.1f} σ"
        if step is None:
            body.append([row.name, "", "", "", leaves])
            continue
        metric = "" if step.mahalanobis is None else f"{step.mahalanobis:.2f}"
        body.append([row.name, f"{step.sigmas:.2f} σ", f"{step.euclidean:.2f}", metric, leaves])
    return _table(["edited", "of distance", "Euclidean", "Mahalanobis", "leaves after"], body)


def measures_of(rows: Sequence[Row]) -> list[str]:
    """The measures of likeness that some rows have."""
    return [name for name in LIKENESS if any(name in row.networks for row in rows)]


def _likeness(rows: Sequence[Row]) -> list[str]:
    names = measures_of(rows)
    if not names:
        return []
    body = []
    for row in rows:
        found = [row.equal.likeness.get(name) for name in names] if row.equal else []
        cells = ["" if each is None else _cell(each, 3).lstrip("+") for each in found]
        body.append([row.name, *(cells or [reach(row)])])
    heads = ["edited", *(LIKENESS[name] for name in names)]
    return ["", "how like itself a face stays by that step", *_table(heads, body)]


def _table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need; what is alone in a row may run over the others."""
    full = [cells for cells in body if len(cells) == len(heads)]
    widths = [max(len(text) for text in column) for column in zip(heads, *full, strict=True)]
    widths[0] = max(widths[0], *(len(cells[0]) for cells in body))
    found = []
    for cells in (heads, *body):
        padded = [f"{cells[0]:<{widths[0]}}"]
        padded += [f"{text:>{width}}" for text, width in zip(cells[1:], widths[1:], strict=False)]
        found.append("  " + "  ".join(padded).rstrip())
    return found
