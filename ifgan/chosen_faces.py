"""Which faces are edited: those of seeds, of saved latents, or inverted photographs.

An inversion finds the rows of w that give a photograph, and of a StyleGAN3 also how the image is
turned and moved. PTI, e4e and ReStyle write such rows as one array (N, rows, D), or as (1, rows, D)
for each photograph. They are final: nothing truncates them.

Shape legend: N faces, R rows of w, D = w_dim, Dz = z_dim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.errors import UserError
from ifgan.foreign import read_array
from ifgan.generators.base import Finish, Generator
from ifgan.ranges import in_range
from ifgan.seeds import seeds_to_z
from ifgan.strip_render import Faces

_MOST = 100  # faces on one page

Array = NDArray[np.floating[Any]]


def of_seeds(generator: Generator, seeds: Sequence[int], finish: Finish) -> Faces:
    """Faces as a run's sampler draws them."""
    in_range("the number of seeds", len(seeds), low=1, high=_MOST)
    z_NDz = seeds_to_z(seeds, z_dim=generator.z_dim)
    return _mapped(generator, tuple(f"seed {seed}" for seed in seeds), z_NDz, finish)


def of_files(
    generator: Generator, files: Sequence[str], finish: Finish, *, space: str, final: bool
) -> Faces:
    """Faces of saved latents.

    Parameters
    ----------
    files : z or w (N, D), or rows of w (N, R, D); several are put together.
    finish : what comes between w and the faces.
    space : what (N, D) are, "z" or "w".
    final : w is rendered as it is.

    Raises
    ------
    UserError
        If a file is refused, or its shape is not the generator's.
    """
    arrays = {file: read_array(file, option="latents") for file in files}
    names = tuple(name for file, array in arrays.items() for name in _names(file, len(array)))
    in_range("the number of latents", len(names), low=1, high=_MOST)
    if space == "z":
        z_NDz = np.concatenate([_of_z(generator, *item) for item in arrays.items()])
        return _mapped(generator, names, z_NDz, finish)
    w_NRD = np.concatenate([_of_w(generator, *item) for item in arrays.items()])
    return Faces(names, None, _tensor(generator, w_NRD), Finish() if final else finish)


def recorded_finish(provenance: Mapping[str, Any], *, psi: float) -> Finish:
    """As the samples of a boundary were rendered; ``psi`` where that is not known."""
    recorded = provenance.get("truncation_psi")
    return Finish(
        psi=psi if recorded is None else recorded,
        cutoff=provenance.get("truncation_cutoff"),
        align=provenance.get("align") or "none",
    )


def _mapped(generator: Generator, names: tuple[str, ...], z_NDz: Array, finish: Finish) -> Faces:
    z = _tensor(generator, z_NDz)
    with torch.inference_mode():
        w_NRD = generator.mapping(z)
    return Faces(names, z, w_NRD, finish)


def transforms_of(files: Sequence[str], faces: Faces) -> Tensor:
    """(N, 3, 3) how the images of faces are turned and moved; a file of one (3, 3) is of one face.

    Raises
    ------
    UserError
        If there is not one matrix for each face.
    """
    arrays = [read_array(file, option="transforms") for file in files]
    found = [array[None] if array.ndim == 2 else array for array in arrays]
    count = len(faces.names)
    shapes = {array.shape[1:] for array in found}
    if shapes != {(3, 3)} or sum(map(len, found)) != count:
        said = ", ".join(str(array.shape) for array in arrays) or "no file"
        raise UserError(
            f"transforms must have shape ({count}, 3, 3), a matrix for each face. Got {said}."
        )
    return torch.from_numpy(np.concatenate(found)).to(faces.w.device, torch.float32)


def _of_z(generator: Generator, file: str, array: Array) -> Array:
    if array.ndim != 2 or array.shape[1] != generator.z_dim:
        raise UserError(
            f"latents in Z must have shape (N, {generator.z_dim}). '{file}' has {array.shape}."
        )
    return array


def _of_w(generator: Generator, file: str, array: Array) -> Array:
    rows, width = generator.num_ws, generator.w_dim
    if array.ndim == 2 and array.shape[1] == width:
        return np.repeat(array[:, None], rows, axis=1)
    if array.ndim != 3 or array.shape[1:] != (rows, width):
        raise UserError(
            f"latents must have shape (N, {width}) or (N, {rows}, {width}), as this generator's w. "
            f"'{file}' has {array.shape}."
        )
    return array


def _names(file: str, count: int) -> list[str]:
    stem = Path(file).stem
    return [stem] if count == 1 else [f"{stem} {row}" for row in range(count)]


def _tensor(generator: Generator, array: Array) -> Tensor:
    return torch.from_numpy(np.asarray(array, dtype=np.float32)).to(generator.w_avg.device)
