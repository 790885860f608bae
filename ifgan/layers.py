"""Rows of w: what a network's layers read, how style mixing groups them, how options name them.

Row r of w styles one layer, coarse ones first. The groups are those of the publication on 18 rows,
coarse (4 to 8 pixels), middle (16 to 32) and fine (the rest), by the number of the row; a network
of fewer than nine rows has no fine ones. StyleGAN3 has no such resolutions: there the names only
say early, middle and late.

Source: Karras et al., A Style-Based Generator Architecture for GANs (CVPR 2019), section 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ifgan.errors import UserError

_FIRST_ROWS = {"coarse": 0, "middle": 4, "fine": 8}

#: What ``svm.layers`` and the ``layers`` of an edit may be.
PATTERN = r"coarse|middle|fine|\d+(-\d+)?"

Layers = str | int | slice | Sequence[int]


class RowGroup(NamedTuple):
    """The rows first … stop - 1 of w."""

    name: str
    first: int
    stop: int

    def __contains__(self, row: object) -> bool:
        return isinstance(row, int) and self.first <= row < self.stop


def row_groups(num_ws: int, *, mixing: bool) -> tuple[RowGroup, ...]:
    """The groups of rows that share a latent: with style mixing three, otherwise all rows."""
    if not mixing:
        return (RowGroup("all", 0, num_ws),)
    names = [name for name, first in _FIRST_ROWS.items() if first < num_ws]
    edges = [*(_FIRST_ROWS[name] for name in names), num_ws]
    return tuple(RowGroup(n, a, b) for n, a, b in zip(names, edges, edges[1:], strict=False))


def chosen_rows(layers: Layers, num_ws: int, *, option: str = "layers") -> list[int]:
    """The rows that an option names: "coarse", "4-7", 5, a slice or a list of rows.

    Returns
    -------
    ascending rows, at least one.

    Raises
    ------
    UserError
        If it names none, or one that is not in [0, num_ws).
    """
    try:
        rows = _rows(layers, num_ws)
    except (TypeError, ValueError):
        rows = []
    if not rows or rows[0] < 0 or rows[-1] >= num_ws:
        names = ", ".join(group.name for group in row_groups(num_ws, mixing=True))
        raise UserError(
            f"{option} must name rows of w from 0 to {num_ws - 1}: {names}, 'first-last', a slice "
            f"or a list of rows. Got {layers!r}."
        )
    return rows


def _rows(layers: Layers, num_ws: int) -> list[int]:
    if isinstance(layers, slice):
        return list(range(num_ws))[layers]
    if isinstance(layers, int):
        return [layers]
    if not isinstance(layers, str):
        return sorted({int(row) for row in layers})
    if not re.fullmatch(PATTERN, layers):
        raise ValueError(layers)
    for name, first, stop in row_groups(num_ws, mixing=True):
        if layers == name:
            return list(range(first, stop))
    first_row, _, last_row = layers.partition("-")
    last = min(int(last_row or first_row), num_ws)  # which is one too many, and refused
    return list(range(int(first_row), last + 1))
