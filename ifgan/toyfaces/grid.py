"""See toy faces: a grid of random ones, or a row for every factor.

python -m ifgan.toyfaces.grid faces.png --seeds 0-63 --columns 8
python -m ifgan.toyfaces.grid factors.png --sweep --resolution 128
python -m ifgan.toyfaces.grid learnt.png --seeds 0-31 --columns 16 --learnt
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ifgan.downloads import shipped_network
from ifgan.errors import UserError
from ifgan.generators.base import seeds_to_z, truncate
from ifgan.generators.checkpoint import load_generator_file
from ifgan.ranges import in_range
from ifgan.seeds import parse_seeds
from ifgan.toyfaces.factors import NETWORK
from ifgan.toyfaces.generator import ToyFaces
from ifgan.toyfaces.traits import FACTORS

_PAPER, _INK = (250, 247, 242), (70, 60, 62)


def sweep(generator: ToyFaces, seeds: list[int], *, psi: float, steps: int) -> Tensor:
    """Move one face along each factor's true direction, from -3 to +3 standard deviations.

    Returns
    -------
    (F steps, R, D) latents, factor by factor; factor f moves the face of seeds[f], cyclically.
    """
    z_ND = torch.from_numpy(seeds_to_z(seeds, z_dim=generator.z_dim))
    w_NRD = truncate(generator.mapping(z_ND), generator.w_avg, psi=psi)
    population = generator.mapping(torch.from_numpy(seeds_to_z(range(1000), z_dim=512)))[:, 0]
    directions_FD = torch.from_numpy(generator.truth(z_ND).w_directions).float()
    rows = []
    for f, direction_D in enumerate(directions_FD):
        deviation = (population @ direction_D.to(population.device)).std()
        place_S = torch.linspace(-3.0, 3.0, steps, device=population.device) * deviation
        moved_SD = place_S[:, None] * direction_D.to(population.device)
        rows.append(w_NRD[f % len(seeds)] + moved_SD[:, None])
    return torch.cat(rows)


def picture(images: Tensor, *, columns: int, labels: tuple[str, ...] = ()) -> Image.Image:
    """Lay images (N, 3, H, H) in [-1, 1] out on paper, with a label before every row."""
    size = images.shape[-1]
    gap, margin = max(2, size // 24), max(8, size // 6)
    rows = -(-len(images) // columns)
    left = margin + (int(1.1 * size) if labels else 0)
    width = left + columns * (size + gap) - gap + margin
    page = Image.new("RGB", (width, 2 * margin + rows * (size + gap) - gap), _PAPER)
    corner = Image.new("L", (size * 4, size * 4))
    ImageDraw.Draw(corner).rounded_rectangle((0, 0, size * 4, size * 4), size * 0.4, fill=255)
    corner = corner.resize((size, size), Image.Resampling.LANCZOS)
    pixels = ((images.clamp(-1.0, 1.0) + 1.0) * 127.5).round().byte().permute(0, 2, 3, 1).cpu()
    for i, face in enumerate(pixels.numpy()):
        row, column = divmod(i, columns)
        place = (left + column * (size + gap), margin + row * (size + gap))
        page.paste(Image.fromarray(np.ascontiguousarray(face)), place, corner)
    font = ImageFont.load_default(size=max(10, size // 6))
    for row, label in enumerate(labels):
        place = (margin, margin + row * (size + gap) + size // 2)
        ImageDraw.Draw(page).text(place, label, fill=_INK, font=font, anchor="lm")
    return page


def beside_learnt(images: Tensor, z_ND: Tensor, *, psi: float, columns: int) -> Tensor:
    """Beneath each row of faces, what ``toyfaces_stylegan3`` draws of the same latents."""
    network = load_generator_file(shipped_network(NETWORK, option="--learnt"))
    learnt = network.synthesis(truncate(network.mapping(z_ND), network.w_avg, psi=psi))
    rows = zip(torch.split(images, columns), torch.split(learnt, columns), strict=True)
    return torch.cat([part for row in rows for part in row])


def _check(options: argparse.Namespace, seeds: list[int]) -> None:
    """Refuse before anything is drawn."""
    out: Path = options.out
    if out.suffix.lower() not in Image.registered_extensions() or not out.parent.is_dir():
        raise UserError(
            "out must be an image file, such as faces.png, in an existing directory. Got "
            f"'{out}'. Change its name, or create the directory."
        )
    in_range("--psi", options.psi, low=-2.0, high=2.0)
    if options.columns < 1:
        raise UserError(f"--columns must be at least 1. Got {options.columns}.")
    if options.learnt and (options.sweep or options.resolution != 64):
        raise UserError("--learnt draws faces of 64 pixels, and no --sweep. Leave these out.")
    if options.learnt and len(seeds) % min(options.columns, len(seeds)):
        raise UserError(
            f"--columns must divide the number of seeds with --learnt. Got {options.columns} and "
            f"{len(seeds)}."
        )


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description="Draw a grid of toy faces.")
    parser.add_argument("out", type=Path, help="image file to write")
    parser.add_argument("--seeds", default="0-63", help="like 0-63 or 3,5,8-10")
    parser.add_argument("--psi", type=float, default=1.0, help="truncation")
    parser.add_argument("--columns", type=int, default=8, help="faces in a row")
    parser.add_argument("--resolution", type=int, default=64, help="64, 128 or 256")
    parser.add_argument("--sweep", action="store_true", help="a row for every factor, -3 to +3 sd")
    parser.add_argument("--learnt", action="store_true", help="also by toyfaces_stylegan3, beneath")
    options = parser.parse_args()
    try:
        seeds = parse_seeds(options.seeds, option="--seeds")
        _check(options, seeds)
        generator = ToyFaces(options.resolution)
    except UserError as error:
        raise SystemExit(f"error: {error}") from None
    if options.sweep:
        columns = max(options.columns, 2)
        w_NRD = sweep(generator, seeds, psi=options.psi, steps=columns)
        labels = tuple(factor.name for factor in FACTORS)
    else:
        z_ND = torch.from_numpy(seeds_to_z(seeds, z_dim=generator.z_dim))
        columns, labels = min(options.columns, len(seeds)), ()
        w_NRD = truncate(generator.mapping(z_ND), generator.w_avg, psi=options.psi)
    images = generator.synthesis(w_NRD)
    if options.learnt:
        images = beside_learnt(images, z_ND, psi=options.psi, columns=columns)
    picture(images, columns=columns, labels=labels).save(options.out)


if __name__ == "__main__":
    main()
