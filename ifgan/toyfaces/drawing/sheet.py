"""The drawing sheet: pixels, coordinates, and shapes with smooth edges.

Shapes are signed distances (negative inside) turned into coverage by a ramp one pixel wide.
Pixels are computed with additions, products, quotients, square roots and comparisons only:
IEEE arithmetic rounds those correctly, so a pixel is the same whichever kernel, thread or
place in the batch computed it.

The page spans [-1, 1] with y pointing down. Head coordinates follow the head as it moves and
tilts; face coordinates are drawn on a cylinder that turns with the head.

Shape legend: N batch, H = W pixels of the sheet or of a crop of it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from torch import Tensor


@dataclass(frozen=True)
class Sheet:
    """What is being drawn on.

    Parameters
    ----------
    image : (N, 3, H, W) colours in [0, 1], painted in place.
    x, y : (1, H, W) page coordinates.
    hx, hy : (N, H, W) head coordinates.
    fx, fy : (N, H, W) face coordinates.
    head : (N, H, W) signed distance to the head's outline.
    pixel : side of a pixel in page units.
    """

    image: Tensor
    x: Tensor
    y: Tensor
    hx: Tensor
    hy: Tensor
    fx: Tensor
    fy: Tensor
    head: Tensor
    pixel: float

    def crop(self, left: float, top: float, right: float, bottom: float) -> Sheet:
        """The part of the sheet in a box of page coordinates; painting it paints the sheet."""
        height = self.image.shape[2]
        rows = slice(_cut(top, height), _cut(bottom, height))
        columns = slice(_cut(left, height), _cut(right, height))
        views = {
            field.name: getattr(self, field.name)[..., rows, columns]
            for field in fields(self)
            if field.name != "pixel"
        }
        return replace(self, **views)

    def cover(self, distance: Tensor) -> Tensor:
        """Coverage in [0, 1] of the inside of a signed distance."""
        return (distance * (-1.0 / self.pixel) + 0.5).clamp_(0.0, 1.0)

    def stroke(self, distance: Tensor, half_width: Tensor | float) -> Tensor:
        """Coverage of a line around distance 0; thin lines fade instead of vanishing."""
        thickness = 2.0 * half_width / self.pixel
        line = ((distance.abs() - half_width) * (-1.0 / self.pixel) + 0.5).clamp_(min=0.0)
        if isinstance(thickness, Tensor):
            return line.minimum(thickness.clamp(0.0, 1.0))
        return line.clamp_(max=min(thickness, 1.0))

    def paint(self, coverage_NHW: Tensor, colour_N311: Tensor) -> None:
        """Lay a colour over the sheet."""
        self.image.add_(coverage_NHW.unsqueeze(1) * (colour_N311 - self.image))


def _cut(place: float, size: int) -> int:
    return round((place + 1.0) / 2.0 * size)


def ellipse(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """Signed distance to an ellipse of the given half axes, exact to first order at its edge."""
    u, v = x / width, y / height
    norm = (u * u + v * v).add_(1e-9).sqrt_()
    u, v = u / width, v / height
    slope = (u * u + v * v).add_(1e-9).sqrt_()
    return norm * (norm - 1.0) / slope


def step(value: Tensor, start: float, end: float) -> Tensor:
    """A smooth step from 0 at ``start`` to 1 at ``end``."""
    t = ((value - start) * (1.0 / (end - start))).clamp(0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def wave(turns: Tensor) -> Tensor:
    """A sine's likeness of period 1, made of parabolas: exact arithmetic only."""
    t = turns - (turns + 0.5).floor()
    return 8.0 * t * (1.0 - 2.0 * t.abs())


def bump(value: Tensor) -> Tensor:
    """A smooth hill: 1 at 0, 0 from 1 on; for soft shadows and blush."""
    t = (1.0 - value * value).clamp(min=0.0)
    return t * t
