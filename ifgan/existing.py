"""sampler=existing: samples that are there already take the sampler's place in the graph."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ifgan.errors import UserError
from ifgan.files import sha256_once
from ifgan.graph import File


def existing_samples(uri: str) -> tuple[File, File]:
    """Latents and faces below a directory: a finished sampler's outputs, or the plain layout.

    Raises
    ------
    UserError
        If the directory holds neither.
    """
    folder = Path(uri).expanduser().absolute()
    if (folder / "latents").is_dir() and (folder / "faces").is_dir():
        latents, faces = folder / "latents", folder / "faces"
        return _folder(latents), _folder(faces)
    if all((folder / name).exists() for name in ("latents.npy", "seeds.npy", "images")):
        whole = _folder(folder)
        return whole, whole
    raise UserError(
        "sampler.uri must be a directory with latents/ and faces/, or with latents.npy, seeds.npy "
        f"and images/. Got {uri}."
    )


def _folder(path: Path) -> File:
    return File(str(path), tree_sha256(path), folder=True)


def tree_sha256(folder: Path) -> str:
    """Hexadecimal SHA-256 over the names and bytes of every file below a directory."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0{sha256_once(path)}\n".encode())
    return found.hexdigest()
