"""Hair: one outline, behind the head and, around an opening for the face, before it."""

from __future__ import annotations

from torch import Tensor

from ifgan.toyfaces.drawing.look import Look
from ifgan.toyfaces.drawing.sheet import Sheet, bump, ellipse, step, wave


def outline(sheet: Sheet, face: Look) -> Tensor:
    """Signed distance to all hair: a dome that falls to the length of the hair."""
    length = face.hair
    thick = (0.010 + 0.125 * (2.5 * length).clamp(max=1.0)) * (1.0 + 0.16 * face["hair_volume"])
    half = 0.455 + 0.018 * face["face_width"] + thick
    top = 0.59 + 1.05 * thick
    curl = (0.030 + 0.030 * face["hair_wave"]).clamp(min=0.0) * length.clamp(max=0.6)
    x = sheet.hx + 0.07 * face.turn[0]
    y = sheet.hy + 0.02
    side = x.abs() + curl * wave(y * 3.2 + 0.2)
    above, below = y.clamp(max=0.0), y.clamp(min=0.0)
    dome = ellipse(side, above, half + 0.10 * below * (1.0 - 1.1 * below), top)
    end = -0.08 + 1.02 * length + 0.35 * curl * wave(x * 5.0 + 0.1)
    # A rounded end: where side and end meet, distances add up.
    over_side, over_end = dome + 0.09, y - end + 0.09
    corner = (over_side.clamp(min=0.0) ** 2 + over_end.clamp(min=0.0) ** 2 + 1e-12).sqrt()
    return corner + over_side.maximum(over_end).clamp(max=0.0) - 0.09


def back(sheet: Sheet, face: Look, distance: Tensor) -> None:
    """Hair behind head and neck."""
    cover = sheet.cover(distance) * _grown(face)
    sheet.paint(cover, face.colours["hair_dark"])


def front(sheet: Sheet, face: Look, distance: Tensor) -> None:
    """Hair over the forehead and beside the face, with strands and a shine."""
    x = sheet.hx - 0.09 * face.turn[0]
    slant = x * (0.16 * face["parting"])
    hairline = 0.335 + 0.03 * face["fringe"] - 0.030 * face["masculine"].clamp(min=0.0)
    hairline = hairline + 0.07 * face.old - 0.10 * (face.hair - 0.15).clamp(0.0, 0.4) + 0.05
    width = 0.415 + 0.016 * face["face_width"] - 0.03 * step(face.hair, 0.3, 0.6)
    y = sheet.hy - 0.12 + slant
    above, below = y.clamp(max=0.0), y.clamp(min=0.0)
    opening = ellipse(x, above, width + 0.10 * below, hairline + 0.12)
    cover = sheet.cover(distance) * sheet.cover(-opening) * _grown(face)
    # A shadow first, thrown by the hair on the forehead.
    shadow = bump(opening / 0.07) * sheet.cover(opening) * step(-y, -0.1, 0.2)
    shadow = shadow * sheet.cover(distance + 0.05) * _grown(face) * 0.55
    sheet.paint(shadow, face.colours["skin_dark"])
    sheet.paint(cover, face.colours["hair"])
    strands = step(wave(x * (4.0 - 2.0 * y) + 1.2 * slant + 0.25), 0.0, 0.9)
    sheet.paint(cover * strands * 0.16, face.colours["hair_light"])
    depth = step(distance, -0.12, 0.0) * 0.30 + step(y, 0.1, 0.6) * 0.35
    sheet.paint(cover * depth, face.colours["hair_dark"])
    shine = bump((sheet.hy + 0.52 + 0.5 * x * x) / 0.07)
    lit = bump((x - 0.14 * face["light_x"] + 0.1) / 0.42)
    sheet.paint(cover * shine * lit * 0.55, face.colours["hair_light"])


def _grown(face: Look) -> Tensor:
    """Opacity: a shaved head first shows stubble."""
    return step(face.hair, 0.012, 0.05)
