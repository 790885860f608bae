"""What a strip shows: faces as rows, steps along one boundary or along several as columns.

Shape legend: N faces, S steps, H pixels a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.ranges import in_range, one_of

MODES = ("relative", "absolute")
UNITS = ("sd", "latent")

_FARTHEST, _SHORTEST = 1e6, 1e-6  # of a range: beyond them float32 tells no steps apart


@dataclass(frozen=True)
class Course:
    """How faces are moved.

    Parameters
    ----------
    mode : relative (steps from where a face is) or absolute (signed distances to come to).
    unit : sd (standard deviations of the population's distance) or latent (the space's own).
    positions : the S steps or distances, in that unit.
    layers, row0, channels : what moves, see ``Boundary.move``.
    """

    mode: str
    unit: str
    positions: tuple[float, ...]
    layers: str | None = None
    row0: bool | None = None
    channels: int | None = None

    @property
    def what(self) -> dict[str, Any]:
        """What moves."""
        return {"layers": self.layers, "row0": self.row0, "channels": self.channels}

    @classmethod
    def over(
        cls, limits: Sequence[float], steps: int, *, mode: str, unit: str, **what: Any
    ) -> Course:
        """Evenly spaced positions.

        Raises
        ------
        UserError
            If the limits are not two, in bounds and rising, or an option has no such choice.
        """
        one_of("mode", mode, MODES)
        one_of("unit", unit, UNITS)
        in_range("steps", steps, low=2, high=101)
        within = len(limits) == 2 and all(abs(limit) <= _FARTHEST for limit in limits)
        if not within or not limits[1] - limits[0] >= _SHORTEST:
            said = ",".join(f"{limit:g}" for limit in limits)
            raise UserError(
                f"range must be two numbers, the lower one first, from {-_FARTHEST:,.0f} to "
                f"{_FARTHEST:,.0f} and at least {_SHORTEST:g} apart. Got {said}."
            )
        # Rounded, so that the middle of -3,3 is 0 and not almost.
        positions = tuple(float(p) + 0.0 for p in np.linspace(limits[0], limits[1], steps).round(9))
        return cls(mode, unit, positions, **what)

    @property
    def start(self) -> int | None:
        """Which step leaves faces as they are; None: no step does."""
        there = self.mode == "relative" and 0.0 in self.positions
        return self.positions.index(0.0) if there else None


@dataclass(frozen=True, eq=False)
class Strip:
    """Edited faces.

    Parameters
    ----------
    title : of the boundary, "age | eyeglasses", or of several, "age + smile".
    attributes : what they separate.
    space : where they live.
    faces : what each face is called.
    frames : (N, S, H, H, 3).
    unedited : (N, H, H, 3).
    before : (N,) signed distances of the unedited faces, in the course's unit; and
    distances : (N, S) of the edited ones. None along several boundaries.
    centred : whether distance 0 is that of the mean latent, as of other tools' boundaries.
    """

    title: str
    attributes: tuple[str, ...]
    space: str
    course: Course
    faces: tuple[str, ...]
    frames: NDArray[np.uint8]
    unedited: NDArray[np.uint8]
    before: NDArray[np.float64] | None
    distances: NDArray[np.float64] | None
    centred: bool = False
