"""How a face looks, as numbers that a synthesis network draws by best.

Styles are linear in w, and a look is not linear in toyfaces' traits: glasses are there or not,
colours follow ramps, a head that turns moves along a sine. A StyleGAN's mapping network is there
to straighten that; this is what the student's is taught to say.

Shape legend: N faces, K traits, A numbers of the appearance.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifgan.toyfaces.drawing.look import Look, look
from ifgan.toyfaces.traits import squash

_CPU = torch.device("cpu")


def appearance(traits_NK: Tensor) -> Tensor:
    """Numbers (N, A) float32 of faces, in units of their own.

    Parameters
    ----------
    traits_NK : (N, K) float64 read-outs in population standard deviations.
    """
    face = look(traits_NK, device=_CPU)
    parts = [squash(traits_NK).float(), *_shapes(face), *_places(face), *_colours(face)]
    return torch.cat([part.reshape(len(traits_NK), -1) for part in parts], dim=1)


def _shapes(face: Look) -> list[Tensor]:
    """What the factors do, and what is seen only where another is."""
    glad = face.smile.clamp(min=0.0)
    sine, cosine = face.turn
    worn = ("frame_shape", "frame_size", "shift_x", "shift_y", "zoom", "roll", "eye_spacing")
    return [
        *(face.smile, glad, glad * face["teeth"], glad * face["lips"], face.age, face.old),
        *(face.young, face.glasses, face.bold, sine, cosine, 2.0 * sine * cosine),
        *(face.beard, face.beard.square(), face.hair, face.hair.square(), sine * face.beard),
        *(face.glasses * face[name] for name in worn),
        *(face.glasses * sine, face.bold * sine, sine * face.smile, sine * face.age),
        *(sine * face.hair, sine * glad, glad * face["mouth_width"]),
    ]


def _places(face: Look) -> list[Tensor]:
    """Sinusoids of where the head and what turns with it are: to move a wave is to mix two."""
    radius, flat = 0.54, 0.72  # as in drawing.face
    sine, _ = face.turn
    head_x, head_y = 0.035 * face["shift_x"], 0.02 * face["shift_y"]
    turned_x = head_x + radius * flat * sine
    turned_y = head_y + 0.03 * face["pitch"]
    tilt = 0.055 * face["roll"]
    found = []
    for place in (head_x, head_y, turned_x, turned_y, tilt):
        for frequency in (2.0, 4.0, 8.0):  # radians per half of the image's side, over two
            found += [torch.sin(2.0 * frequency * place), torch.cos(2.0 * frequency * place)]
    return found


def _colours(face: Look) -> list[Tensor]:
    """Every colour, and those of what is seen only in part, by how much of it is."""
    seen = {"frame": face.glasses, "brow": face.beard, "hair": face.hair, "lips": face.smile}
    partial = [face.colours[name] * share.unsqueeze(1) for name, share in seen.items()]
    return [*face.colours.values(), *partial]
