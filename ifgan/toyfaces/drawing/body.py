"""What is behind and beneath the head: background, neck, clothes."""

from __future__ import annotations

from ifgan.toyfaces.drawing import palette
from ifgan.toyfaces.drawing.look import Look
from ifgan.toyfaces.drawing.palette import colour, shade, tint
from ifgan.toyfaces.drawing.sheet import Sheet, bump, ellipse, step, wave


def ground(sheet: Sheet, face: Look) -> None:
    """A soft field of colour with faint stripes and a pale disc."""
    base = face.colours["ground"]
    sheet.image.copy_(base.expand_as(sheet.image))
    slope = 0.5 + 0.30 * sheet.y + 0.18 * face["ground_tilt"] * sheet.x
    sheet.paint(slope.clamp(0.0, 1.0), shade(base, 0.86))
    turns = (2.6 + 0.7 * face["pattern_scale"]) * (sheet.x + 0.6 * sheet.y)
    stripes = step(wave(turns), -0.2, 0.2) * (0.16 * face["pattern"]).clamp(0.0, 0.35)
    sheet.paint(stripes, tint(base, palette.CREAM, 0.5))
    x = sheet.x - 0.28 * face["disc_x"]
    y = sheet.y + 0.22 - 0.24 * face["disc_y"]
    radius = 0.72 + 0.10 * face["disc_size"]
    disc = sheet.cover((x * x + y * y).sqrt() - radius)
    sheet.paint(disc * 0.85, face.colours["disc"])


def neck(sheet: Sheet, face: Look) -> None:
    """The neck, with the shadow that the chin throws on it and the lines of age."""
    part = sheet.crop(-0.6, 0.2, 0.6, 1.0)
    x = part.x - 0.03 * face["shift_x"]
    half = 0.185 + 0.018 * face["neck"] + 0.012 * face["masculine"]
    flare = 0.5 * (part.y - 0.62).clamp(min=0.0)
    cover = part.cover(x.abs() - half - flare)
    part.paint(cover, face.colours["skin"])
    chin = ellipse(part.hx - 0.06 * face.turn[0], part.hy - 0.36, 0.36, 0.36)
    part.paint(cover * step(-chin, -0.10, 0.02) * 0.8, face.colours["skin_dark"])
    fold = (part.y - 0.60 + 0.5 * x * x) / 0.075
    lines = part.stroke((fold - (fold + 0.5).floor()) * 0.075, 0.008) * bump(x / 0.2)
    part.paint(cover * lines * step(part.y, 0.5, 0.6) * face.age, face.colours["skin_deep"])


def clothes(sheet: Sheet, face: Look) -> None:
    """Shoulders in a garment with neckline, trim, stripes and perhaps a necklace."""
    part = sheet.crop(-1.0, 0.5, 1.0, 1.0)
    x = part.x - 0.02 * face["shift_x"]
    cloth = face.colours["cloth"]
    spread = 0.80 + 0.05 * face["shoulders"] + 0.02 * face["masculine"]
    u = x / spread
    u2 = u * u
    shoulder = 0.70 + 0.16 * u2 + 0.22 * u2 * u2
    body = part.cover((shoulder - part.y) * 0.9)
    # Skin shows above the neckline: round, pointed, or between.
    depth = 0.14 + 0.06 * face["neckline"]
    v = x.abs() / (0.27 + 0.015 * face["neckline"])
    point = (0.5 + 0.45 * face["neck_shape"]).clamp(0.0, 1.0)
    edge = 0.71 + depth * (1.0 - point * v - (1.0 - point) * v * v)
    open_ = (part.y - edge) * 0.75
    part.paint(body * part.cover(open_), face.colours["skin"])
    part.paint(body * bump(open_ / 0.12) * part.cover(open_) * 0.5, face.colours["skin_dark"])
    worn = body * part.cover(-open_)
    part.paint(worn, cloth)
    stripes = step(wave(part.y * 5.5 + 0.25), -0.15, 0.15)
    striped = (0.45 * face["stripes"] - 0.2).clamp(0.0, 0.8)
    part.paint(worn * stripes * striped, face.colours["trim"])
    fold = step(x.abs(), 0.30, 0.95) * 0.45 + step(part.y, 0.7, 1.0) * 0.12
    part.paint(worn * fold, shade(cloth, 0.72))
    border = part.stroke(open_ + 0.012, 0.022 + 0.010 * face["trim"].clamp(min=-1.5))
    part.paint(body * border, face.colours["trim"])
    hang = 0.115 + 0.06 * face["neckline"].clamp(-1.0, 1.5)
    chain = part.stroke(ellipse(x, part.y - 0.66, 0.21, hang), 0.014)
    shown = chain * step(part.y, 0.66, 0.72) * step(face["necklace"], -0.3, 0.7)
    part.paint(shown, colour(palette.GOLD, cloth))
