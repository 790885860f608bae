"""Eyeglasses, over everything else."""

from __future__ import annotations

from ifgan.toyfaces.drawing import palette
from ifgan.toyfaces.drawing.features import EYE_Y
from ifgan.toyfaces.drawing.look import Look
from ifgan.toyfaces.drawing.palette import colour
from ifgan.toyfaces.drawing.sheet import Sheet, ellipse, step


def eyeglasses(sheet: Sheet, face: Look) -> None:
    """Two lenses between round and square, a bridge, temples to the ears."""
    part = sheet.crop(-0.75, -0.36, 0.75, 0.36)
    x = part.fx - 0.035 * face.turn[0]  # worn before the face
    y = part.fy - EYE_Y - 0.015
    centre = 0.215 + 0.008 * face["eye_spacing"]
    lens_x = x.abs() - centre
    size = 1.0 + 0.05 * face["frame_size"]
    width, height = 0.168 * size, (0.150 - 0.012 * face["frame_shape"]) * size
    round_ = ellipse(lens_x, y, width, height)
    corner = 0.055
    qx, qy = lens_x.abs() - width + corner, y.abs() - height * 0.92 + corner
    outside = (qx.clamp(min=0.0) ** 2 + qy.clamp(min=0.0) ** 2 + 1e-12).sqrt()
    square = outside + qx.maximum(qy).clamp(max=0.0) - corner
    blend = step(face["frame_shape"], -0.5, 0.5)
    lens = round_ + (square - round_) * blend
    part.paint(part.cover(lens) * face.glasses * 0.22, colour(palette.GLASS, part.image))
    gleam = part.cover(((lens_x + 0.04) + 0.7 * y).abs() - 0.022) * part.cover(lens + 0.03)
    part.paint(gleam * face.glasses * 0.28, colour(palette.WHITE, part.image))
    weight = 0.019 + 0.012 * face.bold
    frame = part.stroke(lens, weight)
    beside = part.cover(-lens)
    bridge = part.stroke(y + 0.03 + 1.2 * x * x, weight * 0.9) * part.cover(x.abs() - centre)
    temple = part.stroke(y + 0.03, weight * 0.8) * part.cover(centre - x.abs())
    temple = temple * part.cover(part.hx.abs() - 0.47)
    drawn = frame.maximum(bridge * beside).maximum(temple * beside)
    part.paint(drawn * face.glasses, face.colours["frame"])
