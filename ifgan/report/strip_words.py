"""What a strip says: its axis, its ends, and where each face is."""

from __future__ import annotations

import numpy as np

from ifgan.report import words
from ifgan.strip import Course, Strip

_SIGMA = {"sd": " σ", "latent": ""}


def ticks(course: Course) -> list[str]:
    """The positions, all with the same number of decimals."""
    places = _places(course)
    return [words.fixed(p, places, signed=True) if p else "0" for p in course.positions]


def _places(course: Course) -> int:
    """Decimals that tell the positions apart."""
    positions = np.array(course.positions)
    enough = max(2, words.decimals(float(positions[1] - positions[0]), digits=1))
    return next((p for p in (0, 1) if np.allclose(positions.round(p), positions)), enough)


def axis(strip: Strip) -> str:
    """What the positions are."""
    where = "it" if len(strip.attributes) == 1 else "each"
    what = f"step along {where}" if strip.course.mode == "relative" else "signed distance to it"
    if strip.course.unit == "latent":
        return f"{what}, in latent units"
    return f"{what}, in standard deviations σ of the population’s distance"


def ends(strip: Strip) -> tuple[str, str]:
    """What the first and the last position lead to."""
    names = ", ".join(dict.fromkeys(words.shorten(name) for name in strip.attributes))
    return f"less {names}", f"more {names}"


def position(strip: Strip, step: int) -> str:
    """One position with its unit: "+1.2 σ"."""
    return f"{ticks(strip.course)[step]}{_SIGMA[strip.course.unit]}"


def distance(strip: Strip, value: float) -> str:
    """A signed distance with its unit."""
    places = max(1, _places(strip.course))
    return f"{words.fixed(value, places, signed=True)}{_SIGMA[strip.course.unit]}"


def moving(course: Course) -> str:
    """Which rows of w and styles move, where that was chosen; else nothing."""
    row0 = {None: "", True: " with row 0", False: " without row 0"}[course.row0]
    rows = f"rows {course.layers} of w{row0}" if course.layers else row0 and f"rows of w{row0}"
    styles = f"the {course.channels} strongest styles" if course.channels else ""
    return ", ".join(filter(None, (rows, styles)))


def caption(strip: Strip) -> str:
    """One line that says what the faces are and what the steps."""
    space = strip.space.upper()
    several = len(strip.attributes) > 1
    along = f"boundaries in {space}, added up" if several else f"the boundary in {space}"
    start = "" if strip.course.start is None else "0 leaves faces as they are"
    centre = "distance 0 is that of the mean latent" if strip.centred and not several else ""
    return " · ".join(
        filter(None, (f"faces along {along}", moving(strip.course), axis(strip), start, centre))
    )
