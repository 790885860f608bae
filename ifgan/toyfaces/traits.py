"""What a toy face can vary in: six factors of known truth and the nuisances around them.

Every trait is read from one row of w by one linear read-out with mean 0 and variance 1 over
the population: p_k = a_k . (w_row(k) - w_avg). The rows are ordered as in a StyleGAN: coarse
ones place and shape the head, middle ones carry features, fine ones colours. Factors are mild
non-linear functions of their read-outs, so they are close to linear in w and not in z.

Shape legend: N batch, K traits, F factors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifgan.toyfaces.factors import FACTORS as FACTORS  # where whoever draws looks for them

#: The traits that each row of w controls, coarse to fine.
TRAITS_OF_ROW: tuple[tuple[str, ...], ...] = (
    ("pose", "pitch", "roll", "shift_x", "shift_y", "zoom"),
    ("face_width", "face_length", "jaw", "chin", "cheeks", "ear_size", "neck", "shoulders"),
    ("hair", "hair_volume", "hair_wave", "parting", "fringe"),
    (
        *("eye_size", "eye_spacing", "eye_height", "eye_tilt", "eye_opening", "iris_size"),
        *("gaze_x", "gaze_y", "brow_height", "brow_weight", "brow_tilt", "brow_arch", "lashes"),
    ),
    (
        *("smile", "mouth_width", "mouth_height", "lips", "teeth"),
        *("nose_length", "nose_width", "cheek_lines"),
    ),
    (
        *("age", "eyeglasses", "beard", "masculine", "frame_shape", "frame_size"),
        *("freckles", "mole", "earrings", "moustache"),
    ),
    (
        *("skin_tone", "skin_warmth", "hair_tone", "hair_red", "eye_colour", "lip_colour"),
        *("blush", "light_x", "light_y", "contrast", "frame_colour"),
    ),
    (
        *("ground_hue", "ground_tone", "ground_tilt", "disc_x", "disc_y", "disc_size"),
        *("disc_tone", "pattern", "pattern_scale", "cloth_hue", "cloth_tone", "neckline"),
        *("neck_shape", "stripes", "trim", "necklace"),
    ),
)
TRAITS: tuple[str, ...] = tuple(name for row in TRAITS_OF_ROW for name in row)
INDEX: dict[str, int] = {name: k for k, name in enumerate(TRAITS)}

#: Eyeglasses are worn above this many standard deviations: by about 7 % of the population.
EYEGLASSES_FROM = 1.47
#: A beard counts as present above this density (0 none, 1 full).
BEARD_FROM = 0.35


def beard_density(beard_N: Tensor, masculine_N: Tensor) -> Tensor:
    """Density of the beard as drawn, 0 to 1: growth, gated by masculinity.

    Below the gate nothing grows, however far one moves along the growth's own direction.
    """
    return torch.sigmoid(1.8 * beard_N) * torch.sigmoid(4.0 * masculine_N)


def factor_values(traits_NK: Tensor) -> Tensor:
    """The factors as rendered, from the read-outs.

    Parameters
    ----------
    traits_NK : (N, K) float64 read-outs in population standard deviations.

    Returns
    -------
    (N, F) float64 in the order and units of ``FACTORS``; logits are positive where the
    attribute is present.
    """

    def p(name: str) -> Tensor:
        return traits_NK[:, INDEX[name]]

    return torch.stack(
        [
            3.0 * torch.tanh(p("smile") / 1.7),
            18.0 + 62.0 * torch.sigmoid(1.4 * p("age") - 0.35),  # saturates at both ends
            4.0 * (p("eyeglasses") - EYEGLASSES_FROM),
            36.0 * torch.tanh(p("pose") / 2.6),
            8.0 * (beard_density(p("beard"), p("masculine")) - BEARD_FROM),
            60.0 * torch.sigmoid(1.1 * p("hair") - 0.7),
        ],
        dim=1,
    )


def squash(traits_NK: Tensor) -> Tensor:
    """Nuisances as drawn: linear in the middle, never further than 2.2 from the average face."""
    return 2.2 * torch.tanh(traits_NK / 2.2)
