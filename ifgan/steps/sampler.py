"""Sampler: seeds -> latents and faces.

Faces are rendered in blocks of seeds that outlive a killed run, stored as PNG (lossless, so that
a face scores the same wherever it was stored), and gathered into shards of about a thousand.

Shape legend: N samples of a batch, D = w_dim, R rows of w, H pixels a side.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ifgan import generators
from ifgan.artifacts import Float32, KnownTruth, Latents, face_name, read_shard, write_shard
from ifgan.blocks import Blocks, Span, cut
from ifgan.devices import device_class, resolve_all, using
from ifgan.digest import digest
from ifgan.files import write_json
from ifgan.generators.base import Generator, HasStyles, KnowsTruth, seeds_to_z
from ifgan.layers import row_groups
from ifgan.runtime import Runtime
from ifgan.settings import of_blocks
from ifgan.specs import STEPS, SamplerSettings, settings_to_dict
from ifgan.steps.abreast import work_abreast
from ifgan.steps.rendering import render_missing, render_spans

log = logging.getLogger(__name__)

_MIXED = (
    "untruncated; one for each of the groups [name, first row, row after the last]. z of seed s is "
    "that of the first group, RandomState(s).randn; group g has RandomState([s, g]).randn"
)


def run(
    settings: SamplerSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    """Draw the faces of ``settings``; returns small metadata of each output."""
    devices = resolve_all(runtime.device)
    device, weights = devices[0], inputs.get("weights")
    family = family_of(settings, device)
    wanted = Span(settings.seed, settings.seed + settings.num_samples)
    blocks = Blocks(runtime.blocks / family)
    with using(device), blocks.lock():
        blocks.describe("sampler", of_blocks("sampler", settings_to_dict(settings)))
        if len(devices) > 1:
            work = functools.partial(
                _render_spans,
                settings=settings,
                weights=weights,
                root=blocks.root,
                runtime=runtime,
            )
            work_abreast(work, blocks, wanted, devices, runtime)
        generator = generators.load(settings, weights, device=device)
        render_missing(generator, settings, blocks, wanted, runtime)
        shards = [_shard(blocks, span, outputs["faces"]) for span in cut(wanted)]
        w = np.concatenate([_part(path, span) for span, path in blocks.cover(wanted)])
    write_json(
        outputs["faces"] / "faces.json",
        {"family": family, "first": wanted.first, "stop": wanted.stop, "shards": shards},
    )
    _latents(generator, settings, wanted, w, device).write(outputs["latents"])
    return {"latents": {"num_samples": wanted.size}, "faces": {"num_samples": wanted.size}}


def _render_spans(
    device: torch.device,
    spans: Iterator[Span],
    advance: Callable[[int], None],
    *,
    settings: SamplerSettings,
    weights: Path | None,
    root: Path,
    runtime: Runtime,
) -> None:
    """What one of several processes does."""
    generator = generators.load(settings, weights, device=device)
    render_spans(generator, settings, Blocks(root), spans, runtime, advance)


def family_of(settings: SamplerSettings, device: torch.device) -> str:
    """Name of the blocks that may be put together: all that a face depends on but its seed."""
    spec = STEPS["sampler"]
    common = of_blocks("sampler", settings_to_dict(settings))
    return digest(spec.name, spec.revision, common, device_class(device))


def _shard(blocks: Blocks, span: Span, faces: Path) -> dict[str, Any]:
    """Put one shard into the artifact, sharing the block's bytes on disk where it can.

    Smaller blocks are first joined into one; of a larger one a part is copied. So a shard
    depends only on its seeds, not on what the store happens to hold.
    """
    name = f"{span.first:08d}.tar"
    parts = blocks.cover(span)
    if len(parts) > 1:
        with blocks.write(span.first) as writing:
            np.save(writing.path / "w.npy", np.concatenate([_part(p, s) for s, p in parts]))
            write_shard(writing.path / "faces.tar", _images(parts))
            writing.stop = span.stop
        blocks.drop_parts(span)
    if blocks.path(span).is_dir():
        _link(blocks.path(span) / "faces.tar", faces / name)
    else:
        write_shard(faces / name, _images(parts))
    return {"file": name, "first": span.first, "stop": span.stop}


def _images(parts: Sequence[tuple[Span, Path]]) -> Iterator[tuple[str, bytes]]:
    """The images of parts of blocks, in order of their seeds."""
    for span, block in parts:
        wanted = {face_name(seed) for seed in range(span.first, span.stop)}
        for name, data in read_shard(block / "faces.tar"):
            if name in wanted:
                yield name, data


def _part(block: Path, span: Span) -> Float32:
    """The latents of the part of a block that lies in ``span``."""
    first = int(block.name.partition("-")[0])
    w: Float32 = np.load(block / "w.npy", mmap_mode="r")[span.first - first : span.stop - first]
    return w


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


def _latents(
    generator: Generator,
    settings: SamplerSettings,
    wanted: Span,
    w: Float32,
    device: torch.device,
) -> Latents:
    seeds = np.arange(wanted.first, wanted.stop, dtype=np.int64)
    z_NDz = seeds_to_z(seeds, z_dim=generator.z_dim)
    warnings = []
    if settings.mixing and generator.kind == "stylegan3":
        warnings.append(
            "sampler.mixing=true: StyleGAN3 was not trained with style mixing; look at the faces"
        )
        log.warning(warnings[0])
    truth = None
    # Mixed faces have a direction for each group, which is not what a generator knows.
    if isinstance(generator, KnowsTruth) and not settings.mixing:
        known = generator.truth(torch.from_numpy(z_NDz).to(device))
        truth = KnownTruth(
            known.names, known.factors, {"w": known.w_directions, "z": known.z_directions}
        )
    return Latents(
        seeds=seeds,
        z=z_NDz,
        w=w,
        w_avg=generator.w_avg.cpu().numpy(),
        truth=truth,
        styles=generator.style_maps() if isinstance(generator, HasStyles) else None,
        provenance={
            "generator": settings.generator,
            "generator_digest": settings.generator_digest,
            "resolution": generator.img_resolution,
            "num_ws": generator.num_ws,
            "truncation_psi": settings.truncation_psi,
            "truncation_cutoff": settings.truncation_cutoff,
            "align": settings.align,
            **({"filter": settings.filter} if settings.filter else {}),
            "mixing": settings.mixing,
            "groups": [list(g) for g in row_groups(generator.num_ws, mixing=settings.mixing)],
            "w": _MIXED if settings.mixing else "untruncated; one row, valid for all rows",
            "device_class": device_class(device),
            "warnings": warnings,
        },
    )
