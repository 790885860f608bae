"""What a boundary lies in on disk: ``boundary.npy``, and the JSON that says what it means.

boundary.npy     (1, D) float32, unit norm: what every InterFaceGAN tool reads
boundary.json    attribute, space, intercept, and where it comes from
channels.json    of a boundary in S: its strongest styles
edit.npy         (1, D) float32, unit norm: what a step of 1 adds, where that is not the normal;
                 boundary.json names it, so that it is missed where it was not copied along

Without a boundary.json it is another tool's file: see ``ifgan.foreign``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan import foreign
from ifgan.errors import UserError
from ifgan.files import read_json, write_json
from ifgan.styles import Channel

_EDIT = "edit.npy"


def write(
    folder: Path,
    normal: NDArray[np.float32],
    *,
    attribute: str,
    space: str,
    intercept: float,
    provenance: Mapping[str, Any],
    channels: Sequence[Channel],
    edit: NDArray[np.float32] | None,
) -> None:
    """Write the files of a boundary into an existing directory; see ``Boundary`` for each field."""
    np.save(folder / "boundary.npy", normal)
    meaning = {
        "format": "ifgan-boundary/1",
        "attribute": attribute,
        "space": space,
        "intercept": intercept,
        "distance": "latents @ boundary.T + intercept, in latent units of the space",
        **({} if edit is None else {"edit": _EDIT}),
        **provenance,
    }
    if edit is not None:
        np.save(folder / _EDIT, edit)
    write_json(folder / "boundary.json", meaning)
    if channels:
        ranked = [dataclasses.asdict(channel) for channel in channels]
        write_json(folder / "channels.json", {"channels": ranked})


def read(path: str | Path, *, space: str | None = None) -> dict[str, Any]:
    """The fields of the boundary in a run directory, a finished svm step's artifacts or a file.

    Parameters
    ----------
    space : of a file without a ``boundary.json``; any other says so itself.

    Raises
    ------
    UserError
        If there is no boundary, or it does not say its space, or says another.
    """
    path = Path(path).expanduser()
    if (path / "boundary" / "boundary.npy").is_file():
        path = path / "boundary"
    normal_file = path / "boundary.npy" if path.is_dir() else path
    described = normal_file.suffix != ".pt" and normal_file.with_suffix(".json").is_file()
    if normal_file.is_file() and not described:
        return foreign.read_boundary(normal_file, space=space)
    fields = _read(path, normal_file)
    if space not in (None, fields["space"]):
        raise UserError(
            f"space must be left out, or be that of boundary '{fields['attribute']}', which lives "
            f"in {fields['space'].upper()}. Got {space}."
        )
    return fields


def _read(path: Path, normal_file: Path) -> dict[str, Any]:
    """The fields of a boundary of ours; ``path`` is what it is called in messages."""
    try:
        meaning = read_json(normal_file.with_suffix(".json"))
        normal = np.load(normal_file, allow_pickle=False)
        del meaning["format"], meaning["distance"]
        ranked = normal_file.with_name("channels.json")
        channels = read_json(ranked)["channels"] if ranked.exists() else []
        edit = None
        if meaning.pop("edit", None) is not None:
            edit = np.load(normal_file.with_name(_EDIT), allow_pickle=False)
        fields = {
            "attribute": meaning.pop("attribute"),
            "space": meaning.pop("space"),
            "normal": normal,
            "intercept": float(meaning.pop("intercept")),
            "provenance": meaning,
            "channels": tuple(Channel(**channel) for channel in channels),
            "edit": edit,
        }
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise UserError(
            f"{path} does not hold a boundary ({error}). Give a run directory, boundary.npy beside "
            "its boundary.json, or another tool's .npy or .pt file and its space."
        ) from error
    if normal.ndim != 2 or normal.shape[0] != 1 or not abs(np.linalg.norm(normal) - 1) <= 1e-3:
        raise UserError(
            f"{normal_file} must be (1, D) with unit norm. Got shape {normal.shape} "
            f"and norm {np.linalg.norm(normal):.3g}."
        )
    return fields


def sha256(normal: NDArray[np.float32]) -> str:
    """Hexadecimal SHA-256 of the ``boundary.npy`` that holds a normal."""
    file = io.BytesIO()
    np.save(file, normal)
    return hashlib.sha256(file.getvalue()).hexdigest()
