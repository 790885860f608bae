"""sampler=existing: samples that are there already take the sampler's place in the graph.

    <store>/downloads/<12 digits of the URI>/listing.json        names, sizes and checksums
    <store>/downloads/<12 digits of the URI>/<12 of the listing>/ the samples of a bucket

Of samples in a bucket, names and checksums are the identity: a run that only submits them to a
platform does not fetch them, and a bucket whose content has changed is another one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from omegaconf import OmegaConf

from ifgan import paths, storage
from ifgan.errors import UserError
from ifgan.files import sha256_once
from ifgan.graph import File
from ifgan.listings import listed, listing_identity
from ifgan.progress import Progress
from ifgan.schema import Config, Sampler
from ifgan.storage import Stored

_OPTION = "sampler.uri"
_LAYOUTS = (("latents", "faces"), ("latents.npy", "seeds.npy", "images"))


def existing_samples(
    uri: str, *, cache: Path, here: bool, offline: bool = False
) -> tuple[File, File]:
    """Latents and faces below a place: a finished sampler's outputs, or the plain layout.

    Parameters
    ----------
    uri : a directory, ``gs://…`` or ``s3://…``.
    cache : directory of finished downloads.
    here : whether the files themselves are needed on this machine.
    offline : go by what was listed last, contact nothing.

    Raises
    ------
    UserError
        If the place holds neither, or can't be read.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", uri):
        return _local(uri)
    address = storage.Address.parse(uri, option=_OPTION)
    base = cache / hashlib.sha256(str(address).encode()).hexdigest()[:12]
    listing = listed(str(address), base, option=_OPTION, offline=offline)
    tops = {name.partition("/")[0] for name in listing}
    layout = next((names for names in _LAYOUTS if tops.issuperset(names)), None)
    if layout is None:
        raise _neither(uri)
    wanted = {name: stored for name, stored in listing.items() if name.partition("/")[0] in layout}
    folder = base / listing_identity(wanted)[:12]
    if here and not offline and not folder.is_dir():
        storage.download_tree(
            str(address), folder, option=_OPTION, progress=Progress("download"), only=wanted
        )
    if layout == _LAYOUTS[0]:
        latents, faces = (_part(folder, address, wanted, name) for name in layout)
        return latents, faces
    whole = File(str(folder), listing_identity(wanted), folder=True, uri=str(address))
    return whole, whole


def tree_sha256(folder: Path) -> str:
    """Hexadecimal SHA-256 over the names and bytes of every file below a directory."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(f"{path.relative_to(folder)}\0{sha256_once(path)}\n".encode())
    return found.hexdigest()


def ignored(config: Config) -> list[str]:
    """Options of the sampler that were set though sampler=existing makes no use of them.

    Set means: other than conf/sampler/existing.yaml and the schema have it.
    """
    if not config.sampler.uri:
        return []
    shipped = OmegaConf.load(paths.shipped("conf") / "sampler" / "existing.yaml")
    group = OmegaConf.merge(OmegaConf.structured(Sampler), shipped, {"uri": config.sampler.uri})
    return [
        f"sampler.{name}"
        for name, value in vars(OmegaConf.to_object(group)).items()
        if getattr(config.sampler, name) != value
    ]


def _local(uri: str) -> tuple[File, File]:
    folder = Path(uri).expanduser().absolute()
    if (folder / "latents").is_dir() and (folder / "faces").is_dir():
        latents, faces = folder / "latents", folder / "faces"
        return _folder(latents), _folder(faces)
    if all((folder / name).exists() for name in _LAYOUTS[1]):
        whole = _folder(folder)
        return whole, whole
    raise _neither(uri)


def _folder(path: Path) -> File:
    return File(str(path), tree_sha256(path), folder=True)


def _neither(uri: str) -> UserError:
    return UserError(
        f"{_OPTION} must be a directory with latents/ and faces/, or with latents.npy, seeds.npy "
        f"and images/. Got {uri}."
    )


def _part(folder: Path, address: storage.Address, wanted: Mapping[str, Stored], name: str) -> File:
    """One of the two directories of a finished sampler."""
    inside = {
        below.removeprefix(f"{name}/"): stored
        for below, stored in wanted.items()
        if below.startswith(f"{name}/")
    }
    return File(
        str(folder / name), listing_identity(inside), folder=True, uri=str(address.child(name))
    )
