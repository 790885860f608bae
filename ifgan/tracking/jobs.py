"""What is logged of one job: its run directory, and what the store still has of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ifgan
from ifgan.comparison.runs import Run, read_runs
from ifgan.edit_summary import figure, title
from ifgan.edit_table import Row
from ifgan.files import as_json, read_json
from ifgan.record import Record
from ifgan.tracking.content import Artifact, Chart, Content, Histogram, Picture, Table
from ifgan.tracking.pages import galleries, in_rows
from ifgan.tracking.public import public_config, public_values

_BINS = 48
_BOUNDARY_FILES = ("boundary.npy", "boundary.json", "edit.npy", "channels.json")
_SWEEP_FILE = "multirun.yaml"  # Hydra's, in the directory of every sweep


@dataclass(frozen=True)
class FinishedJob:
    """A run directory with a result in it."""

    folder: Path
    record: Record

    @functools.cached_property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return read_json(self.folder / "metrics.json")

    @functools.cached_property
    def run(self) -> Run:
        """What is compared of it: numbers and their intervals, those of edits among them."""
        return read_runs([self.folder])[0]

    @property
    def attribute(self) -> str:
        return str(self.record.config["attribute"]["name"])

    @property
    def space(self) -> str:
        return str(self.record.config["svm"]["space"])

    @property
    def title(self) -> str:
        """ "age | eyeglasses W"."""
        conditions = self.record.config["svm"]["conditions"]
        return f"{title(self.attribute, conditions)} {self.space.upper()}"

    @property
    def sweep(self) -> Path | None:
        """The directory of its sweep."""
        above = self.folder.absolute().parents
        return next((folder for folder in above if (folder / _SWEEP_FILE).is_file()), None)

    @property
    def run_id(self) -> str:
        """W&B's id: with an evaluation it is another job, which has more to show."""
        evaluation = self.record.evaluation
        return self.record.key + (f"-{evaluation[:8]}" if evaluation else "")


def content_of(job: FinishedJob, *, group: str | None, tags: Sequence[str]) -> Content:
    """Everything that is logged of a job.

    Parameters
    ----------
    tags : besides those that say what was run.
    """
    own = (job.attribute, job.space.upper(), _generator(job.record), _classifier(job.record))
    return Content(
        id=job.run_id,
        name=f"{job.title} · {job.folder.name}" if job.sweep else job.title,
        group=group,
        job_type=job.record.config["backend"]["kind"],
        tags=[*dict.fromkeys(tag[:64] for tag in (*own, *tags))],
        config={**public_config(job.record), "ifgan": ifgan.__version__},
        metrics=job.run.metrics,
        summary={
            "intervals": {
                name: {"low": low, "high": high} for name, (low, high) in job.run.intervals.items()
            },
            "warnings": public_values(job.metrics["warnings"]),
            "finished": job.record.at,
        },
        shown={**_charts(job), **_pictures(job)},
        used=_used(job),
        made=[_boundary(job.folder, job.record.key, job)],
    )


def _charts(job: FinishedJob) -> dict[str, Chart | Table | Histogram]:
    found: dict[str, Chart | Table | Histogram] = {}
    quality = "auroc" if job.record.config["attribute"]["kind"] == "binary" else "spearman"
    if curve := job.metrics["learning_curve"]:
        points = [[p["num_samples"], p["quality"], p["cosine_to_full"]] for p in curve]
        found["learning_curve"] = Chart(
            "wandb/line/v0",
            Table(["faces", quality, "cosine_to_full"], points),
            {"x": "faces", "y": quality},
            {"title": f"Learning curve: {quality} on held-out faces"},
        )
    artifacts = Path(job.record.store) / job.record.key
    if (artifacts / "roc").is_file() and (
        points := read_json(artifacts / "roc")["confidenceMetrics"]
    ):
        rates = [[p["falsePositiveRate"], p["recall"], job.attribute] for p in points]
        found["roc"] = Chart(
            "wandb/area-under-curve/v0",
            Table(["fpr", "tpr", "class"], _thin(rates)),
            {"x": "fpr", "y": "tpr", "class": "class"},
            {
                "title": "ROC on held-out faces",
                "x-axis-title": "False positive rate",
                "y-axis-title": "True positive rate",
            },
        )
    if (fits := artifacts / "boundary" / "fits.npz").is_file():
        with np.load(fits) as arrays:
            scores = arrays["scores"].astype(np.float64)
        found["scores"] = Histogram(*np.histogram(scores[np.isfinite(scores)], _BINS))
    if (edits := job.folder / "edits.json").is_file():
        found["edits"] = _edits(Row.of(read_json(edits)["rows"][0]))
    return found


def _thin(rows: list[Any], limit: int = 300) -> list[Any]:
    """At most so many of the rows, the first and the last among them."""
    if len(rows) <= limit:
        return rows
    return [rows[round(place)] for place in np.linspace(0, len(rows) - 1, limit)]


def _edits(row: Row) -> Table:
    """What edits change where the target changes as much as was asked for."""
    columns = ["attribute", "change_sigmas", "low", "high", "change", "unit"]
    rows: list[list[str | float | None]] = []
    for effect in row.equal.effects if row.equal else ():
        sigmas, (change, unit) = effect.in_sigmas, figure(effect)
        rows.append([effect.name, sigmas.mean, sigmas.low, sigmas.high, change.mean, unit])
    return Table(columns, rows)


def _pictures(job: FinishedJob) -> dict[str, Picture]:
    found = {}
    for gallery in galleries(job.folder / "report.html"):
        faces = [face for face, _ in gallery.faces]
        said = [text for _, text in gallery.faces]
        caption = f"{gallery.heading}, from left to right. {said[0]}; {said[-1]}."
        found[f"faces/{gallery.side}"] = Picture(in_rows([faces]), caption)
    for gallery in galleries(job.folder / "edits.html"):
        faces = [face for face, _ in gallery.faces]
        caption = f"{gallery.heading}: above before, below after the edit"
        found["faces/edited"] = Picture(in_rows([faces[::2], faces[1::2]]), caption)
    return found


def _used(job: FinishedJob) -> list[Artifact]:
    """Samples, scores and conditions that the boundary was made from, by their keys and digests.

    Faces and latents stay where they are: what W&B has is a description, equal for equal work.
    """
    record = job.record
    described = {
        "samples": ("sampler", ("latents", "faces"), f"samples-{_generator(record)}"),
        "scores": ("classifier", ("scores",), f"scores-{_classifier(record)}"),
    }
    found = []
    for kind, (step, inputs, name) in described.items():
        nodes = {
            key: {"settings": public_values(node.settings), "inputs": node.inputs}
            for key, node in record.nodes.items()
            if node.step == step
        }
        files = {
            name: source
            for node in record.nodes.values()
            for name, source in node.inputs.items()
            if name.startswith(inputs) and source not in record.nodes
        }
        content = as_json({"nodes": nodes, "files": files}).encode()
        keys = sorted((*nodes, *files.values()))
        found.append(
            Artifact(_named(name), kind, {f"{kind}.json": content}, {"keys": keys[:100]}, ())
        )
    for key, node in record.nodes.items():
        folder = Path(record.store) / key / "boundary"
        if node.step == "svm" and key != record.key and (folder / "boundary.npy").is_file():
            found.append(_boundary(folder, key))
    return found


def _boundary(folder: Path, key: str, job: FinishedJob | None = None) -> Artifact:
    """The files of a boundary, from a run directory or the store: the same bytes."""
    described = read_json(folder / "boundary.json")
    attribute, space = described["attribute"], described["space"]
    files = {
        name: (folder / name).read_bytes() for name in _BOUNDARY_FILES if (folder / name).is_file()
    }
    metadata = {"key": key, "attribute": attribute, "space": space}
    return Artifact(
        _named(f"boundary-{attribute}-{space}"),
        "boundary",
        files,
        {**metadata, **(job.run.metrics if job else {})},
        [key[:12]],
    )


def _generator(record: Record) -> str:
    return _chosen(record.config["generator"])


def _classifier(record: Record) -> str:
    return _chosen(record.config["classifier"])


def _chosen(group: Mapping[str, Any]) -> str:
    """What a group's choice is called: its file where it is one, else its kind."""
    public: Mapping[str, Any] = public_values(group)
    path = public.get("path")
    return str(path).rpartition("/")[2] if path else str(public["kind"])


def _named(text: str) -> str:
    """A name that W&B takes for an artifact."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)[:128]
