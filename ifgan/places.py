"""Boundaries of finished runs and their generator, for commands that go on from there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ifgan.boundary import Boundary
from ifgan.edit_summary import title
from ifgan.errors import UserError

_RECORDED = ("class_label", "precision", "exit_resolution", "sha256")


def boundaries_at(places: Sequence[Path], *, space: str | None = None) -> dict[str, Boundary]:
    """The boundaries of run directories, of sweeps' jobs, and of files, by a readable name.

    Parameters
    ----------
    space : of files by other tools, which do not say.

    Raises
    ------
    UserError
        If a place holds none.
    """
    return _named([found for place in dict.fromkeys(places) for found in _boundaries(place, space)])


def _boundaries(place: Path, space: str | None) -> Iterator[tuple[Path, Boundary]]:
    """The boundary of a run, or those of a sweep's jobs."""
    if place.is_file() or (place / "boundary.npy").is_file():
        yield place, Boundary.load(place, space=space)
        return
    jobs = sorted(path.parent for path in place.glob("*/boundary.npy"))
    if not jobs:
        raise UserError(
            f"{place} holds no boundary. Give a run directory, a sweep's, or a boundary.npy."
        )
    for job in jobs:
        yield job, Boundary.load(job)


def _named(found: Sequence[tuple[Path, Boundary]]) -> dict[str, Boundary]:
    """Boundaries by a readable name, which says as much as it takes to tell them apart."""
    spaces = {boundary.space for _, boundary in found}
    names = [_title(b, space=len(spaces) > 1) for _, b in found]
    count = Counter(names)
    names = [
        name if count[name] == 1 else f"{name} {b.provenance.get('svm', {}).get('method', '')}"
        for name, (_, b) in zip(names, found, strict=True)
    ]
    count = Counter(names)
    return {
        name if count[name] == 1 else f"{name} ({path})": boundary
        for name, (path, boundary) in zip(names, found, strict=True)
    }


def _title(boundary: Boundary, *, space: bool) -> str:
    conditions = [c["attribute"] for c in boundary.provenance.get("conditions", ())]
    name = title(boundary.attribute, conditions)
    return f"{name} {boundary.space.upper()}" if space else name


def generator_of(
    places: Sequence[Path], boundaries: Sequence[Boundary], given: str | None
) -> tuple[str, dict[str, Any]]:
    """Name or file of the boundaries' generator, and its options, for ``load_generator``.

    Parameters
    ----------
    places : where the boundaries were found; a run's configuration lies in ``.hydra``.
    given : what to take instead of what is recorded.

    Raises
    ------
    UserError
        If none is given, and none is recorded.
    """
    if given is not None:
        return given, {}
    for boundary in boundaries:
        own = boundary.provenance.get("generator", {})
        if own.get("generator") == "toyfaces":
            return "toyfaces", {"resolution": int(own["generator_digest"].rpartition("-")[2])}
    for place in places:
        if recorded := _recorded(place if place.is_dir() else place.parent):
            return recorded
    raise UserError(
        "generator must be given, because no run beside these boundaries says which it was. Add "
        "generator=NAME_OR_FILE, as in generator=stylegan3_r_ffhq."
    )


def _recorded(folder: Path) -> tuple[str, dict[str, Any]] | None:
    """The checkpoint of the run in a folder, or of a sweep's first job; None if there is none."""
    from omegaconf import OmegaConf

    for place in (folder, *sorted(path.parent for path in folder.glob("*/.hydra"))):
        if not (place / ".hydra" / "config.yaml").is_file():
            continue
        config: Any = OmegaConf.load(place / ".hydra" / "config.yaml")
        generator: Mapping[str, Any] = config.get("generator") or {}
        if generator.get("kind") != "checkpoint" or config.sampler.get("uri"):
            continue
        path = str(generator["path"])
        if "://" not in path:  # relative to where the run was started
            started: Any = OmegaConf.load(place / ".hydra" / "hydra.yaml")
            path = str(Path(started.hydra.runtime.cwd) / Path(path).expanduser())
        options = {name: generator.get(name) for name in _RECORDED}
        return path, {name: value for name, value in options.items() if value is not None}
    return None


def out_folder(out: str) -> Path:
    """The folder to write to, made before anything is rendered for it.

    Raises
    ------
    UserError
        If it is a file, or can't be made.
    """
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(f"out must be a folder. Got the file '{folder}'. Name another.") from error
    except OSError as error:
        raise UserError(
            f"out must be a folder; '{folder}' can't be made ({error.strerror}). Name another."
        ) from error
    return folder
