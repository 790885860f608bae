"""The parts that shards have made, as the artifacts that one sampler and classifier would make.

Sample i depends on its seed alone, so parts are put together by placing one behind the other;
what comes out is the same to the byte. Arrays are joined on disk: 500,000 latents need no memory.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ifgan.artifacts import KnownTruth, Scores, read_shard, read_truth, write_shard, write_truth
from ifgan.errors import UserError
from ifgan.files import read_json
from ifgan.specs import StepSpec
from ifgan.steps.shown import shown

#: Files of a latents part with a row for each seed.
_ARRAYS = ("seeds.npy", "z.npy", "w.npy")


def gather(spec: StepSpec, inputs: Mapping[str, Path], scratch: Path) -> dict[str, Path]:
    """Inputs by their plain names; those that came in parts are joined below ``scratch``.

    Raises
    ------
    UserError
        If the parts do not belong together.
    """
    if not any(f"{name}_0" in inputs for name in spec.gathered):
        return dict(inputs)
    parts = {
        name: [inputs[f"{name}_{n}"] for n in range(len(inputs)) if f"{name}_{n}" in inputs]
        for name in ("latents", "scores", "thumbnails")
    }
    whole = {name: scratch / "gathered" / name for name in parts}
    for folder in whole.values():
        folder.mkdir(parents=True)
    _join_latents(parts["latents"], whole["latents"])
    scores = _join_scores(parts["scores"], whole["scores"])
    seeds = set(shown(scores.seeds, scores.scores, scores.columns))
    write_shard(
        whole["thumbnails"] / "thumbnails.tar", _thumbnails(parts["thumbnails"], seeds=seeds)
    )
    others = {name: path for name, path in inputs.items() if name.rpartition("_")[0] not in parts}
    return {**others, **whole}


def _join_latents(parts: Sequence[Path], target: Path) -> None:
    for name in _ARRAYS:
        _join_array([part / name for part in parts], target / name)
    truths = [read_truth(part) for part in parts]
    known = [truth for truth in truths if truth is not None]
    if known:
        factors = np.concatenate([truth.factors for truth in known])
        write_truth(target, KnownTruth(known[0].names, factors, known[0].directions))
    for path in sorted(parts[0].iterdir()):
        if path.name not in (*_ARRAYS, "truth.npz") and path.suffix != ".node":
            _copy_common([part / path.name for part in parts], target / path.name)


def _join_array(parts: Sequence[Path], target: Path) -> None:
    arrays = [np.load(part, mmap_mode="r", allow_pickle=False) for part in parts]
    first = arrays[0]
    shape = (sum(len(array) for array in arrays), *first.shape[1:])
    joined = np.lib.format.open_memmap(target, mode="w+", dtype=first.dtype, shape=shape)
    position = 0
    for array in arrays:
        if array.shape[1:] != first.shape[1:] or array.dtype != first.dtype:
            raise UserError(
                f"shards must be of one run. Got {target.name} of shape {first.shape} and "
                f"{array.shape}. Run the sampler again."
            )
        joined[position : position + len(array)] = array
        position += len(array)
    joined.flush()


def _copy_common(parts: Sequence[Path], target: Path) -> None:
    """What is the same for every seed: weights, their settings."""
    content = parts[0].read_bytes()
    for part in parts[1:]:
        if not part.is_file() or part.read_bytes() != content:
            raise UserError(
                f"shards must be of one run, on machines of one kind. Got parts that differ in "
                f"{target.name}: {_difference(parts[0], part)}. Run them on equal machines."
            )
    shutil.copyfile(parts[0], target)


def _difference(one: Path, other: Path) -> str:
    """The first setting that two JSON files disagree on; else just that they do."""
    try:
        first, second = read_json(one), read_json(other)
    except (OSError, ValueError, TypeError):
        return "other bytes"
    for name in sorted({*first, *second}):
        if first.get(name) != second.get(name):
            return f"{name} is {first.get(name)!r} and {second.get(name)!r}"
    return "other bytes"


def _join_scores(parts: Sequence[Path], target: Path) -> Scores:
    read = [Scores.read(part) for part in parts]
    meanings = {
        json.dumps([{**scores.provenance, "scored": None}, repr(scores.columns)]) for scores in read
    }
    if len(meanings) > 1:
        raise UserError("shards must be scored by one classifier. Run the classifier again.")
    whole = Scores(
        np.concatenate([scores.seeds for scores in read]),
        np.concatenate([scores.scores for scores in read]),
        read[0].columns,
        {**read[0].provenance, "scored": sum(scores.provenance["scored"] for scores in read)},
    )
    whole.write(target)
    return whole


def _thumbnails(parts: Sequence[Path], *, seeds: set[int]) -> Iterator[tuple[str, bytes]]:
    for part in parts:
        for name, data in read_shard(part / "thumbnails.tar"):
            if int(name.partition(".")[0]) in seeds:
                yield name, data
