"""`python -m ifgan.overview RUN_DIR [option=value …]`: one run as one picture.

  out=overview.png    the file to write, .png or .webp
  seeds=4,7           faces that are moved along the boundary

It shows faces that were sampled, the scores that they got, the hyperplane between them, and other
faces moved along the boundary from -3 to 3 standard deviations. Latents, faces and scores are
those of the run, read from its store.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ifgan.artifacts import Latents, Scores
from ifgan.boundary import Boundary
from ifgan.errors import UserError
from ifgan.faces import Faces, read_faces
from ifgan.files import write_whole
from ifgan.options import command, parse
from ifgan.places import generator_of
from ifgan.record import Record
from ifgan.report.overview import OverviewData, overview
from ifgan.seeds import normalise_z, parse_seeds
from ifgan.store import Store

if TYPE_CHECKING:
    from ifgan.strip import Strip

_SAMPLED = 12
_LADDER = (0.02, 0.25, 0.5, 0.75, 0.98)  # quantiles of the scores whose faces are shown
_STEPS = 9
_SAVED: Mapping[str, Mapping[str, Any]] = {"png": {"optimize": True}, "webp": {"quality": 92}}
_SOME = 5000  # latents that the direction across is found from


@dataclass(frozen=True)
class Options:
    """Where the picture goes, and which faces are moved in it."""

    out: str = "overview.png"
    seeds: str = "4,7"


def draw(folder: Path, options: Options) -> Path:
    """Draw the picture of a run; returns its file.

    Raises
    ------
    UserError
        If it is no run with samples of its own in a store that is there.
    """
    from ifgan.images import decode  # torch, only now

    out, seeds = Path(options.out), parse_seeds(options.seeds, option="seeds")
    if (kind := out.suffix[1:].lower()) not in _SAVED:
        raise UserError(f"out must end in .png or .webp. Got '{options.out}'.")
    record, boundary = Record.read(folder), Boundary.load(folder)
    latents, scores, faces = _artifacts(record, folder)
    column = boundary.provenance["svm"]["column"]
    place = [each.name for each in scores.columns].index(column)
    scores_N = scores.scores[:, place].astype(np.float64)
    known_N = np.isfinite(scores_N)
    ranked = np.flatnonzero(known_N)[np.argsort(scores_N[known_N], kind="stable")]
    rungs = [int(ranked[round(share * (ranked.size - 1))]) for share in _LADDER]
    shown = [int(seed) for seed in latents.seeds[[*range(min(_SAMPLED, known_N.size)), *rungs]]]
    images = {seed: decode(data) for seed, data in faces.chosen(sorted({*shown}))}
    distances_N, across_N = _plane(boundary, latents)
    threshold = boundary.provenance.get("threshold")
    data = OverviewData(
        attribute=boundary.attribute,
        space=boundary.space,
        unit=scores.columns[place].unit,
        sampled=[images[seed] for seed in shown[: -len(rungs)]],
        ladder=[(scores_N[row], images[int(latents.seeds[row])]) for row in rungs],
        scores=scores_N[known_N],
        distances=distances_N[known_N],
        across=across_N[known_N],
        threshold=float(np.median(scores_N[known_N]) if threshold is None else threshold),
        strip=_strip(folder, boundary, seeds),
    )
    file = io.BytesIO()
    overview(data).save(file, kind, **_SAVED[kind])
    write_whole(out, file.getvalue())
    return out


def _artifacts(record: Record, folder: Path) -> tuple[Latents, Scores, Faces]:
    """What the run's first sampler and classifier made."""
    store = Store(record.store)
    fit = record.nodes[record.key].inputs
    found = []
    for name in ("latents", "scores"):
        source = fit.get(name) or fit[f"{name}_0"]  # of the first shard
        key, _, output = source.partition("/")
        place = store.find_key(key) if key in record.nodes else None
        if place is None:
            raise UserError(
                f"{folder}: its {name} are not in the store {record.store}. Run the same command "
                "again with backend=local, and samples of a generator."
            )
        found.append(place / (output or name))
    latents = Latents.read(found[0])
    return latents, Scores.read(found[1]), read_faces(found[0].with_name("faces"))


def _plane(boundary: Boundary, latents: Latents) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N,) distances from the hyperplane, and (N,) places along what varies most across it."""
    if boundary.space not in ("z", "w"):
        raise UserError(
            "the picture is of boundaries in W or Z, where latents lie. Got one in "
            f"{boundary.space.upper()}. Take a run with svm.space=w or svm.space=z."
        )
    points = latents.z if boundary.space == "z" else latents.w
    points_ND = np.asarray(points.mean(axis=1) if points.ndim == 3 else points, dtype=np.float64)
    if boundary.space == "z":
        points_ND = normalise_z(points_ND).astype(np.float64)
    normal_D = boundary.normal[0].astype(np.float64)
    centred_ND = points_ND - points_ND.mean(axis=0)
    flat_ND = centred_ND[:_SOME] - np.outer(centred_ND[:_SOME] @ normal_D, normal_D)
    _, vectors_DD = np.linalg.eigh(flat_ND.T @ flat_ND)
    return boundary.distance(points_ND), centred_ND @ vectors_DD[:, -1]


def _strip(folder: Path, boundary: Boundary, seeds: Sequence[int]) -> Strip:
    """Faces of these seeds moved along the boundary."""
    from ifgan import chosen_faces
    from ifgan.interface import load_generator
    from ifgan.strip import Course
    from ifgan.strip_render import Camera, render_strip

    name, recorded = generator_of([folder], [boundary], None)
    generator = load_generator(name, **recorded)
    finish = chosen_faces.recorded_finish(boundary.provenance, psi=generator.psi)
    faces = chosen_faces.of_seeds(generator.network, seeds, finish)
    course = Course.over((-3.0, 3.0), _STEPS, mode="relative", unit="sd")
    return render_strip(
        Camera(generator.network, 128, 16), faces, course, [boundary], title=boundary.attribute
    )


def _run(given: list[str]) -> str:
    places, options = parse(given, Options)
    if len(places) != 1:
        raise UserError(f"give one run directory. Got {len(places)}.")
    return f"written: {draw(places[0], options)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(arguments, str(__doc__), _run, interrupted="no file is half-written")


if __name__ == "__main__":
    sys.exit(main())
