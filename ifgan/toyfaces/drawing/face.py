"""The whole picture: coordinates, then the layers from back to front.

Shape legend: N batch, K traits, H = W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifgan.toyfaces.drawing import body, features, hair, head, wear
from ifgan.toyfaces.drawing.look import Look, look
from ifgan.toyfaces.drawing.sheet import Sheet


def draw(traits_NK: Tensor, *, size: int, device: torch.device) -> Tensor:
    """Draw a batch of faces.

    Parameters
    ----------
    traits_NK : (N, K) float64 read-outs in population standard deviations.
    size : side of the image in pixels.
    device : where to draw; the read-outs may be elsewhere.

    Returns
    -------
    (N, 3, size, size) float32 in [-1, 1].
    """
    face = look(traits_NK, device=device)
    sheet = _lay_out(face, size)
    body.ground(sheet, face)
    outline = hair.outline(sheet, face)
    hair.back(sheet, face, outline)
    body.neck(sheet, face)
    body.clothes(sheet, face)
    head.ears(sheet, face)
    head.head(sheet, face)
    features.beard(sheet, face)
    head.marks(sheet, face)
    features.nose(sheet, face)
    features.mouth(sheet, face)
    features.eyes(sheet, face)
    features.brows(sheet, face)
    hair.front(sheet, face, outline)
    wear.eyeglasses(sheet, face)
    return sheet.image.clamp_(0.0, 1.0).mul_(2.0).sub_(1.0)


def _lay_out(face: Look, size: int) -> Sheet:
    """An empty sheet with page, head and face coordinates."""
    sine, cosine = face.turn
    centres = (torch.arange(size, device=sine.device, dtype=torch.float32) * 2 + 1) / size - 1
    x, y = centres.view(1, 1, size), centres.view(1, size, 1)
    # The head moves, and tilts about the neck.
    tilt = 0.055 * face["roll"]
    along, across = 1.0 - 0.5 * tilt * tilt, tilt
    scale = 1.0 + 0.03 * face["zoom"]
    px, py = x - 0.035 * face["shift_x"], y - 0.02 * face["shift_y"] - 0.65
    hx = (px * along + py * across) / scale
    hy = (py * along - px * across) / scale + 0.65
    # Rotation about the vertical axis maps a cylinder onto itself, so it inverts exactly.
    # It is flatter than round: x = r sin(a) is seen at r (cosine sin(a) + flat sine cos(a)),
    # a sine again, of another amplitude and phase.
    radius, flat = 0.54, 0.72
    amplitude = (cosine * cosine + flat * flat * sine * sine).sqrt()
    u = hx / (radius * amplitude)
    depth = (1.0 - u * u).clamp_(min=0.0).sqrt_()
    fx = (u * cosine - depth * flat * sine) * (radius / amplitude)
    fy = hy - 0.03 * face["pitch"]
    image = torch.empty(len(sine), 3, size, size, device=sine.device)
    x, y = x.expand(1, size, size), y.expand(1, size, size)
    return Sheet(image, x, y, hx, hy, fx, fy, head.shape(hx, hy, face), 2.0 / size)
