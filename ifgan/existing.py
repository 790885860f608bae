"""sampler=existing: samples that are there already take the sampler's place in the graph.

    <store>/downloads/<12 digits of the URI>/listing.json        names, sizes and checksums
    <store>/downloads/<12 digits of the URI>/<12 of the listing>/ the samples of a bucket

Of samples in a bucket, names and checksums are the identity: a run that only submits them to a
platform does not fetch them, and a bucket whose content has changed is another one.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from omegaconf import OmegaConf

from ifgan import paths, storage
from ifgan.errors import UserError
from ifgan.files import sha256_once, write_json
from ifgan.graph import File
from ifgan.partial import writing
from ifgan.progress import Progress
from ifgan.schema import Config, Sampler
from ifgan.storage import Stored

_OPTION = "sampler.uri"
_LAYOUTS = (("latents", "faces"), ("latents.npy", "seeds.npy", "images"))

#: What a bucket held when this process first asked: all jobs of a sweep see the same.
_listed: dict[tuple[str, Path], dict[str, Stored]] = {}


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
    listing = _listing(str(address), base, offline=offline)
    tops = {name.partition("/")[0] for name in listing}
    layout = next((names for names in _LAYOUTS if tops.issuperset(names)), None)
    if layout is None:
        raise _neither(uri)
    wanted = {name: stored for name, stored in listing.items() if name.partition("/")[0] in layout}
    folder = base / _identity(wanted)[:12]
    if here and not offline and not folder.is_dir():
        storage.download_tree(
            str(address), folder, option=_OPTION, progress=Progress("download"), only=wanted
        )
    if layout == _LAYOUTS[0]:
        latents, faces = (_part(folder, address, wanted, name) for name in layout)
        return latents, faces
    whole = File(str(folder), _identity(wanted), folder=True, uri=str(address))
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
    return File(str(folder / name), _identity(inside), folder=True, uri=str(address.child(name)))


def _identity(listing: Mapping[str, Stored]) -> str:
    """Hexadecimal SHA-256 over names, sizes and checksums."""
    found = hashlib.sha256()
    for name, stored in sorted(listing.items()):
        found.update(f"{name}\0{stored.size}\0{stored.checksum}\n".encode())
    return found.hexdigest()


def _listing(uri: str, base: Path, *, offline: bool) -> dict[str, Stored]:
    """What is below a URI: as this process has seen it, else as it is, else as it was."""
    note = base / "listing.json"
    if (uri, base) in _listed:
        return _listed[uri, base]
    if offline:
        try:
            kept = json.loads(note.read_text())["objects"]
            return {name: Stored(**about) for name, about in kept.items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{_OPTION}: what {uri} holds is not known here yet, and a dry run contacts "
                "nothing. Run without dry_run first, or set it to a copy on this machine."
            ) from error
    found = storage.list_tree(uri, option=_OPTION)
    with writing(note):
        base.mkdir(parents=True, exist_ok=True)
        scratch = note.with_suffix(".json.part")
        write_json(scratch, {"uri": uri, "objects": {n: vars(s) for n, s in found.items()}})
        scratch.replace(note)
    return _listed.setdefault((uri, base), found)
