"""What an edit moves: rows of w, and in S the styles that read them.

A boundary records which rows its edits move by default (``edit_rows`` of boundary.json): those it
was fitted on, which without style mixing are all. Where samples were aligned by
``sampler.align=w_avg_row0`` row 0 is not one of them: it turns and places the face of a StyleGAN3,
every scored face had that of the mean, and so nothing was learnt of it.

Shape legend: S styles, R rows of w.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.layers import Layers, chosen_rows
from ifgan.styles import StyleLayer, rows_of_styles


def edit_rows(fitted: tuple[int, int], *, num_ws: int, align: str | None) -> list[int] | None:
    """``edit_rows`` of boundary.json, [first, stop], by the policy above; None: all rows."""
    first, stop = fitted
    if align == "w_avg_row0":
        first = max(first, 1)
    return None if (first, stop) == (0, num_ws) else [first, stop]


@dataclass(frozen=True)
class Reach:
    """The rows and styles that edits along one boundary move.

    Parameters
    ----------
    num_ws : R; 1 where that is not known.
    recorded : [first, stop] of the rows that move by default; None: all.
    style_layers : in the order of S; empty in other spaces.
    """

    num_ws: int
    recorded: tuple[int, int] | None
    style_layers: tuple[StyleLayer, ...]

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Reach:
        """What a boundary.json says."""
        recorded = provenance.get("edit_rows")
        return cls(
            int(provenance.get("num_ws", 1)),
            (int(recorded[0]), int(recorded[1])) if recorded else None,
            tuple(StyleLayer(*layer) for layer in provenance.get("style_layers", ())),
        )

    def rows(
        self, num_ws: int, *, layers: Layers | None = None, row0: bool | None = None
    ) -> list[int]:
        """The rows of w that move, of ``num_ws``.

        Parameters
        ----------
        layers : "coarse", "4-7", a slice, a list of rows; None: as recorded.
        row0 : with row 0 or without it, whatever ``layers`` says.

        Raises
        ------
        UserError
            If ``layers`` names rows that there are not, or none is left of them.
        """
        if layers is None:
            layers = slice(*self.recorded) if self.recorded else slice(None)
        rows = set(chosen_rows(layers, num_ws))
        if row0 is not None:
            rows = rows | {0} if row0 else rows - {0}
        if not rows:
            raise UserError("row0=false leaves no row of w that could move. Leave it out.")
        return sorted(rows)

    def styles(
        self, *, layers: Layers | None = None, row0: bool | None = None
    ) -> NDArray[np.bool_]:
        """(S,) whether a style reads one of the rows that move."""
        rows = self.rows(self.num_ws, layers=layers, row0=row0)
        return np.isin(rows_of_styles(self.style_layers), rows)
