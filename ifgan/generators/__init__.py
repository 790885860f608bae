"""Face generators: one interface, dispatched by kind."""

from __future__ import annotations

from pathlib import Path

import torch

from ifgan.generators.base import Generator
from ifgan.specs import EvaluationSettings, SamplerSettings


def load(
    settings: SamplerSettings | EvaluationSettings, weights: Path | None, *, device: torch.device
) -> Generator:
    """The generator that the settings of a step name, on ``device``."""
    if settings.generator == "toyfaces":
        from ifgan.toyfaces import ToyFaces

        assert settings.resolution is not None
        return ToyFaces(resolution=settings.resolution, device=device)
    from ifgan.generators.checkpoint import load_generator_file

    assert weights is not None, "the graph gives a checkpoint its file"
    return load_generator_file(
        weights,
        device=device,
        precision=settings.precision,
        class_label=settings.class_label,
        exit_resolution=settings.exit_resolution,
    )
