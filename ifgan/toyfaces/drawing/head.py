"""The head itself: outline, soft light, ears, and the marks that skin carries."""

from __future__ import annotations

from torch import Tensor

from ifgan.toyfaces.drawing import palette
from ifgan.toyfaces.drawing.look import Look
from ifgan.toyfaces.drawing.palette import colour
from ifgan.toyfaces.drawing.sheet import Sheet, bump, ellipse, step, wave

CENTRE_Y = -0.02
HALF_WIDTH, HALF_HEIGHT = 0.465, 0.60


def shape(hx: Tensor, hy: Tensor, face: Look) -> Tensor:
    """Signed distance to the head's outline: an egg that narrows to a jaw and a chin."""
    half = HALF_WIDTH + 0.022 * face["face_width"]
    y = hy - CENTRE_Y
    below = y.clamp(min=0.0)
    lower = HALF_HEIGHT + 0.022 * face["face_length"] - 0.03 * face.young
    v = y.clamp(max=0.0) / HALF_HEIGHT + below / lower
    # The chin turns with the face.
    jaw = 0.17 - 0.035 * face["jaw"] - 0.025 * face["masculine"] - 0.05 * face.old
    cheeks = 0.03 + 0.02 * face["cheeks"] + 0.02 * face.young
    narrow = 1.0 - jaw * v.clamp(min=0.0) + cheeks * bump((y - 0.2) / 0.3)
    u = (hx - 0.11 * face.turn[0] * below) / (half * narrow)
    square = (0.10 + 0.09 * face["chin"]).clamp(min=-0.1) * step(y, 0.0, 0.3)
    uu, vv = u * u, v * v
    return ((uu + vv - square * uu * vv).clamp_(min=1e-9).sqrt_() - 1.0) * half


def head(sheet: Sheet, face: Look) -> None:
    """Skin, light from one side, a darker rim."""
    part = sheet.crop(-0.75, -0.85, 0.75, 0.85)
    cover = part.cover(part.head)
    skin = face.colours
    part.paint(cover, skin["skin"])
    across, down = part.hx / HALF_WIDTH, (part.hy - CENTRE_Y) / HALF_HEIGHT
    light = (-0.30 + 0.28 * face["light_x"]) * across + (-0.45 + 0.30 * face["light_y"]) * down
    strength = 0.42 + 0.17 * face["contrast"]
    part.paint(cover * (light * strength).clamp(0.0, 1.0), skin["skin_light"])
    part.paint(cover * (light * strength * -1.4).clamp(0.0, 1.0), skin["skin_dark"])
    rim = step(part.head, -0.10, 0.03) * (0.30 + 0.08 * face["contrast"])
    part.paint(cover * rim, skin["skin_dark"])


def ears(sheet: Sheet, face: Look) -> None:
    """Both ears, the nearer one more, and perhaps earrings."""
    part = sheet.crop(-0.8, -0.35, 0.8, 0.5)
    x = part.hx + 0.10 * face.turn[0]
    out = x.abs() - HALF_WIDTH - 0.01 - 0.016 * face["face_width"]
    y = part.hy - 0.02
    size = 0.92 + 0.16 * face["ear_size"] + 0.22 * face.age
    cover = part.cover(ellipse(out, y, 0.085 * size, 0.135 * size))
    part.paint(cover, face.colours["skin"])
    part.paint(cover * 0.35, face.colours["skin_dark"])
    inner = part.cover(ellipse(out - 0.012, y + 0.005, 0.045 * size, 0.085 * size))
    part.paint(inner * 0.6, face.colours["skin_dark"])
    worn = face["earrings"]
    ring = 0.018 + (0.026 * worn).clamp(min=-0.006)
    jewel = part.cover(ellipse(out - 0.01, y - 0.15 * size - 0.02, ring, ring * 1.25))
    part.paint(jewel * step(worn, -0.4, 0.3), colour(palette.GOLD, part.image))


def marks(sheet: Sheet, face: Look) -> None:
    """Blush, freckles, a mole, and the lines that years draw."""
    part = sheet.crop(-0.68, -0.6, 0.68, 0.6)
    inside = part.cover(part.head + 0.02)
    x, y, side = part.fx, part.fy, part.fx.abs()
    dx, dy = side - 0.27, y - 0.17
    cheek = bump((dx * dx + dy * dy).sqrt() / 0.17)
    blush = (0.34 + 0.24 * face["blush"] + 0.10 * face.smile + 0.10 * face.young).clamp(min=0.0)
    part.paint(inside * cheek * blush, face.colours["blush"])
    dots = step(wave(side * 10.0 + 3.0 * y) * wave(y * 10.0 + 0.3), 0.30, 0.65)
    where = bump((y - 0.13) / 0.16) * bump(side / 0.42)
    amount = (0.45 * face["freckles"] - 0.05).clamp(0.0, 0.8)
    part.paint(inside * dots * where * amount, face.colours["skin_deep"])
    radius = 0.014 + (0.014 * face["mole"]).clamp(min=-0.008)
    mole = part.cover(ellipse(x - 0.20, y - 0.27, radius, radius))
    part.paint(inside * mole * step(face["mole"], -0.6, 0.5), face.colours["skin_deep"])
    wrinkles(part, face, inside)


def wrinkles(part: Sheet, face: Look, inside: Tensor) -> None:
    """Forehead lines, crow's feet, bags under the eyes, folds beside the nose."""
    x, y, side = part.fx, part.fy, part.fx.abs()
    ink, age = face.colours["skin_deep"], face.age
    brow = (y + 0.36 - 0.25 * x * x) / 0.065
    lines = part.stroke((brow - (brow + 0.5).floor()) * 0.065, 0.008 + 0.005 * age)
    band = step(y, -0.46, -0.44) * step(-y, 0.24, 0.26) * bump(side / 0.36)
    part.paint(inside * lines * band * age, ink)
    foot = (y + 0.01) / (0.055 + 0.35 * (side - 0.33).clamp(min=0.0))
    feet = part.stroke((foot - (foot + 0.5).floor()) * 0.055, 0.008)
    corner = bump((side - 0.385) / 0.07) * bump((y + 0.01) / 0.10)
    part.paint(inside * feet * corner * age, ink)
    bag = part.stroke(ellipse(side - 0.20, y, 0.125, 0.118), 0.011)
    part.paint(inside * bag * step(y, 0.04, 0.09) * (0.50 + 0.30 * age) * age, ink)
    fold = side - 0.11 - 0.50 * (y - 0.15) - 0.10 * face.smile * (y - 0.13)
    lines = part.stroke(fold * 0.9, 0.008 + 0.008 * age)
    span = step(y, 0.13, 0.18) * step(-y, -0.36, -0.27)
    depth = (0.45 + 0.40 * age) * age + 0.08 + 0.12 * face["cheek_lines"] + 0.08 * face.smile
    part.paint(inside * lines * span * depth.clamp(0.0, 0.95), ink)
