"""The artifacts that steps hand to each other: directories of plain files.

Shape legend: N samples, D = w_dim, Dz = z_dim, G groups of its rows, A attributes, F true factors.

Every reader checks shapes and agreement, so that a truncated or foreign directory is refused
by name instead of giving a wrong boundary.
"""

from __future__ import annotations

import io
import itertools
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan.errors import UserError
from ifgan.files import read_json, write_json, write_npz
from ifgan.layers import RowGroup
from ifgan.seeds import seeds_to_z
from ifgan.styles import StyleMaps

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class KnownTruth:
    """True factors and directions of the samples, where the generator knows them.

    Parameters
    ----------
    names : F factors.
    factors : (N, F), each in its unit.
    directions : (F, D) for space "w" and (F, Dz) for "z", unit norm.
    """

    names: tuple[str, ...]
    factors: Float32
    directions: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Latents:
    """Latents of N seeds, w untruncated.

    Parameters
    ----------
    seeds : (N,) int64.
    z : (N, Dz); w : (N, D), or (N, G, D) where groups of rows differ; w_avg : (D,).
    provenance : generator, truncation of the images, versions.
    styles : the map from w to S, of a generator that has styles.
    """

    seeds: NDArray[np.int64]
    z: Float32
    w: Float32
    w_avg: Float32
    provenance: Mapping[str, Any]
    truth: KnownTruth | None = None
    styles: StyleMaps | None = None

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        """The groups of rows that w is given for; one of all rows where they are equal."""
        num_ws = int(self.provenance["num_ws"])
        recorded = self.provenance.get("groups", [["all", 0, num_ws]])
        return tuple(RowGroup(str(n), int(first), int(stop)) for n, first, stop in recorded)

    def write(self, folder: Path) -> None:
        """Write into an existing, empty directory."""
        np.save(folder / "seeds.npy", self.seeds)
        np.save(folder / "z.npy", self.z)
        np.save(folder / "w.npy", self.w)
        np.save(folder / "w_avg.npy", self.w_avg)
        if self.truth:
            write_truth(folder, self.truth)
        if self.styles:
            self.styles.write(folder / "styles.npz")
        write_json(folder / "latents.json", self.provenance)

    @classmethod
    def read(cls, folder: Path) -> Latents:
        """Read a directory: an artifact of ours, or a team's own ``latents.npy`` and seeds."""
        with reading("latents", folder):
            if not (folder / "latents.json").exists():
                return cls._read_plain(folder)
            maps = folder / "styles.npz"
            latents = cls(
                seeds=np.load(folder / "seeds.npy"),
                z=np.load(folder / "z.npy", mmap_mode="r"),
                w=np.load(folder / "w.npy", mmap_mode="r"),
                w_avg=np.load(folder / "w_avg.npy"),
                provenance=read_json(folder / "latents.json"),
                truth=read_truth(folder),
                styles=StyleMaps.read(maps) if maps.exists() else None,
            )
            count = len(latents.seeds)
            if not count == len(latents.z) == len(latents.w):
                raise ValueError(
                    f"{count} seeds, {len(latents.z)} rows of z, {len(latents.w)} of w"
                )
        return latents

    @classmethod
    def _read_plain(cls, folder: Path) -> Latents:
        """``latents.npy``, w of (N, D) or (N, R, D), beside ``seeds.npy``; z follows from seeds."""
        w = np.load(folder / "latents.npy", mmap_mode="r", allow_pickle=False)
        seeds = np.load(folder / "seeds.npy", allow_pickle=False).astype(np.int64)
        if w.ndim not in (2, 3) or len(w) != len(seeds) or not np.issubdtype(w.dtype, np.floating):
            raise ValueError(f"latents.npy has shape {w.shape}, for {len(seeds)} seeds")
        num_ws = w.shape[1] if w.ndim == 3 else 1
        groups = [["all", 0, num_ws]]
        if w.ndim == 3:
            w, groups = _in_groups(w)
        return cls(
            seeds=seeds,
            z=seeds_to_z(seeds, z_dim=w.shape[-1]),
            w=w,
            w_avg=w.reshape(-1, w.shape[-1]).mean(axis=0, dtype=np.float64).astype(np.float32),
            provenance={
                "generator": "existing samples",
                "generator_digest": "unknown",
                "num_ws": num_ws,
                "groups": groups,
                "truncation_psi": None,
                "truncation_cutoff": None,
                "device_class": "unknown",
            },
        )


def _in_groups(w_NRD: Float32) -> tuple[Float32, list[list[Any]]]:
    """(N, D) where all rows are equal, else (N, G, D); and the groups of neighbours that are."""
    num_ws = w_NRD.shape[1]
    new = [r for r in range(1, num_ws) if not _are_equal(w_NRD[:, r], w_NRD[:, r - 1])]
    if not new:
        return w_NRD[:, 0], [["all", 0, num_ws]]
    groups = [[f"{a}-{b - 1}", a, b] for a, b in itertools.pairwise([0, *new, num_ws])]
    return w_NRD if len(groups) == num_ws else w_NRD[:, [0, *new]], groups


def write_truth(folder: Path, truth: KnownTruth) -> None:
    """Write ``truth.npz`` beside the latents."""
    write_npz(
        folder / "truth.npz",
        names=np.array(truth.names),
        factors=truth.factors,
        **{f"{space}_directions": d for space, d in truth.directions.items()},
    )


def read_truth(folder: Path) -> KnownTruth | None:
    """What ``write_truth`` wrote; None where the generator knows no truth."""
    if not (folder / "truth.npz").exists():
        return None
    with np.load(folder / "truth.npz", allow_pickle=False) as file:
        return KnownTruth(
            names=tuple(str(name) for name in file["names"]),
            factors=file["factors"],
            directions={key: file[f"{key}_directions"] for key in ("w", "z")},
        )


@dataclass(frozen=True)
class ScoreColumn:
    """What one column of the scores means; see ``classifiers.base.Column``.

    ``kind`` may also be "score": of a score file that does not say what its numbers are.
    """

    name: str
    kind: str
    unit: str
    threshold: float | None


@dataclass(frozen=True)
class Scores:
    """Scores of N seeds on A attributes; NaN where a score file had no row.

    Parameters
    ----------
    seeds : (N,) int64.
    scores : (N, A) float32.
    columns : what each column means.
    """

    seeds: NDArray[np.int64]
    scores: Float32
    columns: tuple[ScoreColumn, ...]
    provenance: Mapping[str, Any]

    def write(self, folder: Path) -> None:
        """Write into an existing, empty directory."""
        np.save(folder / "seeds.npy", self.seeds)
        np.save(folder / "scores.npy", self.scores)
        columns = [asdict(column) for column in self.columns]
        write_json(folder / "scores.json", {**self.provenance, "columns": columns})

    @classmethod
    def read(cls, folder: Path) -> Scores:
        """Read a directory."""
        with reading("scores", folder):
            provenance = read_json(folder / "scores.json")
            scores = cls(
                seeds=np.load(folder / "seeds.npy"),
                scores=np.load(folder / "scores.npy"),
                columns=tuple(ScoreColumn(**column) for column in provenance.pop("columns")),
                provenance=provenance,
            )
            if scores.scores.shape != (len(scores.seeds), len(scores.columns)):
                raise ValueError(
                    f"scores.npy has shape {scores.scores.shape}, for {len(scores.seeds)} seeds "
                    f"and {len(scores.columns)} columns"
                )
        return scores


def _are_equal(one_ND: Float32, other_ND: Float32, *, block: int = 8192) -> bool:
    """Whether two rows of w are, in every sample; of 500,000 a table of truths is large."""
    parts = (slice(first, first + block) for first in range(0, len(one_ND), block))
    return all(np.array_equal(one_ND[part], other_ND[part]) for part in parts)


def write_shard(path: Path, images: Iterable[tuple[str, bytes]]) -> None:
    """A tar file of named images whose bytes depend on nothing but them."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in images:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def read_shard(path: Path) -> Iterator[tuple[str, bytes]]:
    """The named images of a tar file, in order; nothing is extracted to disk."""
    with reading("faces", path), tarfile.open(path, "r:") as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is None:
                raise ValueError(f"{member.name} is not a file")
            yield member.name, file.read()


def face_name(seed: int) -> str:
    """Name of a seed's image inside a shard."""
    return f"{seed:08d}.png"


class reading:  # noqa: N801  (reads as a statement)
    """Turns whatever a damaged directory makes readers raise into one line that names it."""

    def __init__(self, kind: str, place: Path) -> None:
        self.kind, self.place = kind, place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        expected = (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            tarfile.TarError,
            zipfile.BadZipFile,
        )
        if isinstance(error, expected) and not isinstance(error, UserError):
            raise UserError(
                f"{self.kind} in {self.place} can't be read: {' '.join(str(error).split())}. "
                "Remove that directory and run again."
            ) from error
