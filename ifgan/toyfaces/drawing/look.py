"""From read-outs to the numbers and colours that the drawing needs.

Shape legend: N batch, K traits. Numbers are (N, 1, 1), colours (N, 3, 1, 1), float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ifgan.toyfaces.drawing import palette
from ifgan.toyfaces.drawing.palette import mix, ramp, shade, tint
from ifgan.toyfaces.traits import (
    EYEGLASSES_FROM,
    FACTORS,
    TRAITS,
    beard_density,
    factor_values,
    squash,
)


@dataclass(frozen=True)
class Look:
    """How one batch of faces looks.

    Parameters
    ----------
    nuisance : every other trait, in standard deviations, squashed.
    smile : curvature of the mouth beyond a neutral one's, -1 to 1.
    age, old, young : 0 to 1: years from 18 to 80, past 38, and before 40.
    glasses : 0 or 1, with a narrow passage; ``bold`` grows with certainty.
    turn : sine and cosine of the yaw.
    beard : density 0 to 1.
    hair : length 0 to 1 (60 cm).
    colours : named colours.
    """

    nuisance: Mapping[str, Tensor]
    smile: Tensor
    age: Tensor
    old: Tensor
    young: Tensor
    glasses: Tensor
    bold: Tensor
    turn: tuple[Tensor, Tensor]
    beard: Tensor
    hair: Tensor
    colours: Mapping[str, Tensor]

    def __getitem__(self, trait: str) -> Tensor:
        return self.nuisance[trait]


def look(traits_NK: Tensor, *, device: torch.device) -> Look:
    """Work out looks in float64, where the traits are, and hand them to the device in float32."""

    def done(value: Tensor) -> Tensor:
        return value.to(device=device, dtype=torch.float32)

    raw = {name: column.view(-1, 1, 1) for name, column in zip(TRAITS, traits_NK.T, strict=True)}
    soft = {name: squash(column) for name, column in raw.items()}
    values = factor_values(traits_NK).view(len(traits_NK), -1, 1, 1).unbind(dim=1)
    factor = {f.name: value for f, value in zip(FACTORS, values, strict=True)}
    yaw = torch.deg2rad(factor["pose"])
    old = ((factor["age"] - 38.0) / 42.0).clamp(min=0.0)
    worn = raw["eyeglasses"] - EYEGLASSES_FROM
    return Look(
        nuisance={name: done(column) for name, column in soft.items()},
        smile=done(factor["smile"] / 3.0),
        age=done((factor["age"] - 18.0) / 62.0),
        old=done(old),
        young=done(((40.0 - factor["age"]) / 22.0).clamp(min=0.0)),
        glasses=done((worn / 0.1 + 0.5).clamp(0.0, 1.0)),
        bold=done(torch.tanh(worn.clamp(min=0.0))),
        turn=(done(torch.sin(yaw)), done(torch.cos(yaw))),
        beard=done(beard_density(raw["beard"], raw["masculine"])),
        hair=done(factor["hair"] / 60.0),
        colours={name: done(c) for name, c in _colours(soft, old).items()},
    )


def _colours(q: Mapping[str, Tensor], old: Tensor) -> dict[str, Tensor]:
    skin = ramp(palette.SKIN, q["skin_tone"])
    warm = torch.tensor([0.012, 0.004, -0.022], dtype=skin.dtype, device=skin.device)
    skin = (skin + q["skin_warmth"].unsqueeze(1) * warm.view(1, 3, 1, 1)).clamp(0.0, 1.0)
    skin = tint(skin, palette.GREY, 0.10 * old)
    hair = ramp(palette.HAIR, q["hair_tone"] - 0.35)
    hair = tint(hair, "#b0452a", (0.22 * q["hair_red"]).clamp(0.0, 0.6))
    grey = (1.15 * old + 0.04).clamp(0.0, 0.95)
    hair = tint(hair, palette.GREY, grey)
    ground = ramp(palette.GROUND, q["ground_hue"])
    ground = tint(ground, palette.CREAM, (0.18 + 0.22 * q["ground_tone"]).clamp(0.0, 0.7))
    ground = tint(ground, palette.NIGHT, (-0.30 * q["ground_tone"] - 0.12).clamp(0.0, 0.6))
    cloth = ramp(palette.CLOTH, q["cloth_hue"])
    cloth = tint(cloth, palette.CREAM, (0.25 * q["cloth_tone"] - 0.05).clamp(0.0, 0.75))
    cloth = tint(cloth, palette.NIGHT, (-0.25 * q["cloth_tone"] - 0.05).clamp(0.0, 0.6))
    return {
        "skin": skin,
        "skin_dark": shade(skin, 0.74),
        "skin_deep": shade(skin, 0.52),
        "skin_light": tint(skin, palette.CREAM, 0.55),
        "blush": tint(shade(skin, 0.93), palette.ROSE, 0.45),
        "lips": tint(shade(skin, 0.86), palette.ROSE, 0.42 + 0.24 * q["lip_colour"]),
        "hair": hair,
        "hair_dark": shade(hair, 0.68),
        "hair_light": tint(hair, "#ffe2b8", 0.30),
        "brow": mix(shade(hair, 0.78), shade(skin, 0.5), 0.25),
        "iris": ramp(palette.EYES, q["eye_colour"] - 0.2),
        "frame": ramp(palette.FRAMES, q["frame_colour"] - 0.6),
        "ground": ground,
        "disc": tint(ground, palette.CREAM, 0.35 + 0.2 * q["disc_tone"]),
        "cloth": cloth,
        "trim": tint(cloth, palette.CREAM, 0.30 + 0.28 * q["trim"]),
    }
