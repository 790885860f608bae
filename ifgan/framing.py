"""What of a stored face a classifier is shown, and the filter that makes it the classifier's size.

Classifiers were trained on some cut of the face. Faces of networks that are not aligned, or are cut
wider, lie otherwise: ``classifier.crop`` shows a fixed part of every face, without looking at it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ifgan.errors import UserError
from ifgan.ranges import numbers, one_of

#: Kernels that images are resized with, all antialiased; see ``ifgan.images``.
FILTERS = ("bicubic", "bilinear", "lanczos", "area")
#: What came first, and what faces are stored by.
DEFAULT = "bicubic"

_BOX = (
    "a share of the face from 0.05 to 1, or [top, left, height, width] in such shares, a square "
    "that lies within it"
)


@dataclass(frozen=True)
class Framing:
    """How a stored face becomes what a classifier takes.

    Parameters
    ----------
    filter : None: bicubic.
    crop : top, left, height and width of what is shown, in shares of the face; None: all of it.
    """

    filter: str | None = None
    crop: list[float] | None = None

    @classmethod
    def of(cls, *, filter: str, crop: Any) -> Framing:
        """Checked values of the options ``classifier.filter`` and ``classifier.crop``.

        Raises
        ------
        UserError
            On a filter that there is none of, or a box that is no square within the face.
        """
        one_of("classifier.filter", filter, FILTERS)
        return cls(None if filter == DEFAULT else filter, _box("classifier.crop", crop))

    def box(self, side: int) -> tuple[int, int, int]:
        """First row, first column and pixels a side of what is shown of a face, to whole pixels."""
        top, left, height, _ = self.crop or (0.0, 0.0, 1.0, 1.0)
        size = max(1, round(height * side))
        return min(round(top * side), side - size), min(round(left * side), side - size), size

    def whole(self, size: int) -> int:
        """Pixels a side of a face of which ``size`` are shown: what ``box`` then says."""
        return round(size / self.crop[2]) if self.crop else size


def _box(option: str, given: Any) -> list[float] | None:
    """[top, left, height, width], of a box or of the share that a central one has."""
    if given is None:
        return None
    if isinstance(given, Sequence):
        top, left, height, width = numbers(option, given, count=4, wanted=_BOX)
    else:
        [height] = [width] = numbers(option, given, count=1, wanted=_BOX)
        top = left = (1 - height) / 2
    inside = min(top, left) >= 0 and max(top + height, left + width) <= 1 + 1e-9
    if not inside or height != width or height < 0.05:
        raise UserError(f"{option} must be {_BOX}. Got {given}.")
    return None if height == 1 else [top, left, height, width]
