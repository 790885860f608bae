"""Eyes, brows, nose, mouth and beard, in face coordinates: they turn with the head."""

from __future__ import annotations

from ifgan.toyfaces.drawing import palette
from ifgan.toyfaces.drawing.look import Look
from ifgan.toyfaces.drawing.palette import colour, shade, tint
from ifgan.toyfaces.drawing.sheet import Sheet, bump, ellipse, step

EYE_Y = -0.02


def beard(sheet: Sheet, face: Look) -> None:
    """From stubble to a full beard, with a moustache."""
    part = sheet.crop(-0.72, -0.25, 0.72, 0.9)
    y, side = part.fy, part.fx.abs()
    grown = face.beard
    inside = part.cover(part.head - 0.07 * grown * step(y, 0.1, 0.5))
    # The cheeks' edge rises from the mouth's corners to the sideburns.
    reach = (side - 0.12).clamp(min=0.0)
    edge = y - 0.33 + 0.55 * reach + 1.6 * reach * reach + 0.05 * grown
    jaw = step(edge / (1.0 + 2.0 * reach), -0.02, 0.03)
    lip = 0.225 - 0.022 * face["moustache"] + 0.5 * side * side
    moustache = step(y - lip, -0.015, 0.02) * step(-side, -0.24, -0.17) * step(-y, -0.42, -0.36)
    # A bare patch beneath the lower lip, unless the beard is full.
    bare = bump(ellipse(side, y - 0.40, 0.13, 0.055) / 0.055 + 1.0) * (1.0 - grown)
    hairy = jaw.maximum(moustache) * (1.0 - bare)
    part.paint(inside * hairy * (1.35 * grown).clamp(max=0.97), face.colours["brow"])
    soft = inside * jaw * bump((y - 0.55) / 0.22) * grown * 0.4
    part.paint(soft, face.colours["hair_dark"])


def nose(sheet: Sheet, face: Look) -> None:
    """A shaded bridge, a soft tip, two nostrils."""
    part = sheet.crop(-0.5, -0.3, 0.5, 0.5)
    out = part.fx - 0.085 * face.turn[0]  # it stands out of the face
    length = 0.155 + 0.022 * face["nose_length"]
    width = 0.065 + 0.014 * face["nose_width"] + 0.014 * face.age
    y = part.fy - length
    side = -0.30 + 0.28 * face["light_x"]  # the shadow falls away from the light
    rise = step(part.fy, -0.16, 0.12)
    bridge = bump((out + 0.9 * width * side / (side.abs() + 0.15)) / (0.035 + 0.3 * width))
    part.paint(bridge * rise * step(-y, 0.0, 0.05) * 0.40, face.colours["skin_dark"])
    under = part.cover(ellipse(out, y - 0.012, width * 1.12, 0.042))
    part.paint(under * 0.85, face.colours["skin_dark"])
    tip = part.cover(ellipse(out, y + 0.008, width, 0.045))
    part.paint(tip, face.colours["skin"])
    shine = bump(ellipse(out, y + 0.018, 0.03, 0.025) / 0.03 + 1.0)
    part.paint(tip * shine * 0.6, face.colours["skin_light"])
    nostril = part.cover(ellipse(out.abs() - 0.55 * width, y - 0.030, 0.020, 0.012))
    part.paint(nostril * 0.75, face.colours["skin_deep"])


def mouth(sheet: Sheet, face: Look) -> None:
    """Lips along a curve; smiling opens them and shows teeth."""
    part = sheet.crop(-0.6, 0.05, 0.6, 0.75)
    smile = face.smile
    glad = smile.clamp(min=0.0)
    half = 0.145 + 0.018 * face["mouth_width"] + 0.020 * smile + 0.018 * glad
    u = part.fx / half
    belly = (1.0 - u * u).clamp(min=-0.5)
    level = 0.335 + 0.014 * face["mouth_height"]
    # The line between the lips; a frown bends it less far than a smile.
    bend = 0.008 + 0.085 * smile + 0.036 * glad
    curve = level + bend * (belly - 0.55)
    y = part.fy - curve
    # How far the mouth is open, and how full the lips are.
    gap = 0.004 + 0.090 * glad * step(glad, 0.0, 0.4) + 0.020 * face["teeth"] * glad
    gap = gap.clamp(min=0.0)
    lip = (0.030 + 0.011 * face["lips"] - 0.008 * face.old).clamp(min=0.009)
    swell = belly.clamp(min=0.0)
    upper = y + lip * 0.9 * swell * (1.0 - 0.25 * bump(u / 0.22))
    lower = y - (gap + 1.25 * lip) * swell
    within = part.cover(u.abs() * half - half)
    lips = part.cover(-upper) * part.cover(lower) * within
    part.paint(lips, face.colours["lips"])
    sheen = tint(face.colours["lips"], palette.CREAM, 0.35)
    part.paint(lips * step(y / lip, -0.2, 1.5) * 0.35, sheen)
    # Between the lips.
    inside = part.cover(-y - 0.002) * part.cover(y - gap * swell) * within
    part.paint(inside, colour(palette.MOUTH, part.image))
    teeth = inside * part.cover(y - gap * swell * 0.62) * step(gap, 0.012, 0.03)
    part.paint(teeth, colour("#fffaf2", part.image))
    seam = part.stroke(y, 0.009) * part.cover(u.abs() * half - half - 0.012)
    part.paint(seam * 0.85, shade(face.colours["lips"], 0.45))
    corner = bump(ellipse(part.fx.abs() - half - 0.012, y, 0.03, 0.03) / 0.03 + 1.0)
    part.paint(corner * (0.25 + 0.35 * smile.abs()), face.colours["skin_dark"])


def eyes(sheet: Sheet, face: Look) -> None:
    """Two eyes, drawn at once on the mirrored face."""
    part = sheet.crop(-0.66, -0.36, 0.66, 0.32)
    sign = (part.fx >= 0).to(part.fx.dtype) * 2.0 - 1.0
    x = part.fx.abs() - 0.205 - 0.011 * face["eye_spacing"]
    y = part.fy - EYE_Y - 0.012 * face["eye_height"] + 0.16 * (0.35 + 0.45 * face["eye_tilt"]) * x
    size = 1.10 + 0.06 * face["eye_size"] - 0.22 * face.age
    width = 0.118 * size
    opening = 1.0 + 0.11 * face["eye_opening"] - 0.22 * face.smile.clamp(min=0.0) - 0.12 * face.old
    height = 0.088 * size * opening
    # White.
    almond = ellipse(x, y, width, height)
    visible = part.cover(part.head + 0.01)
    white = part.cover(almond) * visible
    part.paint(visible * part.cover(almond - 0.022) * 0.35, face.colours["skin_dark"])
    part.paint(white, colour("#fdf8f2", part.image))
    part.paint(white * step(-y / height, 0.2, 1.0) * 0.35, face.colours["skin_dark"])
    # Iris, pupil and a glint; the gaze goes to one side in both eyes.
    ix = x - sign * 0.016 * face["gaze_x"] - sign * 0.030 * face.turn[0]
    iy = y - 0.011 * face["gaze_y"]
    iris = (ix * ix + iy * iy).sqrt() - 0.064 * (1.0 + 0.07 * face["iris_size"]) * size
    part.paint(white * part.cover(iris), shade(face.colours["iris"], 0.65))
    part.paint(white * part.cover(iris + 0.014), face.colours["iris"])
    part.paint(white * part.cover(iris + 0.032), colour(palette.INK, part.image))
    glint = part.cover(ellipse(ix * sign + 0.022, iy + 0.026, 0.019, 0.019))
    part.paint(white * glint * 0.95, colour(palette.WHITE, part.image))
    # Lids.
    lash = 0.013 + 0.005 * face["lashes"] - 0.004 * face["masculine"]
    lid = visible * part.stroke(almond, lash.clamp(min=0.005)) * step(-y / height, -0.05, 0.45)
    part.paint(lid, shade(face.colours["brow"], 0.55))
    crease = part.stroke(ellipse(x, y + 0.012, width * 1.08, height + 0.028), 0.006)
    crease = visible * crease * step(-y, 0.02, 0.06) * (0.45 + 0.3 * face.old)
    part.paint(crease, face.colours["skin_deep"])


def brows(sheet: Sheet, face: Look) -> None:
    """Two arched strokes, tapered outwards."""
    part = sheet.crop(-0.66, -0.48, 0.66, 0.05)
    x = part.fx.abs() - 0.215 - 0.011 * face["eye_spacing"]
    half = 0.145
    u = x / half
    raised = 0.018 * face["brow_height"] + 0.012 * face.smile.clamp(min=0.0)
    level = EYE_Y - 0.198 + 0.030 * face.age - raised
    arch = (0.040 + 0.014 * face["brow_arch"]) * (u * u - 0.3)
    y = part.fy - level - arch - (0.017 - 0.020 * face["brow_tilt"]) * u
    heavy = 0.023 + 0.006 * face["brow_weight"] + 0.006 * face["masculine"]
    taper = heavy.clamp(min=0.008) * (1.0 - 0.45 * u.clamp(min=-0.3))
    within = part.cover(x.abs() - half) * part.cover(part.head)
    part.paint(part.stroke(y, taper.clamp(min=0.004)) * within * 0.95, face.colours["brow"])
