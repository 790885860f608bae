"""Evaluation: a boundary -> what edits along it do, by a judge's scores of rendered faces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ifgan import generators
from ifgan.boundary import Boundary
from ifgan.devices import resolve_all, using
from ifgan.edit_summary import SELF_SCORED, title
from ifgan.edit_table import as_json
from ifgan.files import write_json
from ifgan.preprocessing import Preprocessing
from ifgan.report.edits import EditsData, render_edits
from ifgan.rescoring import conditions_of, measure
from ifgan.resemblance import load_measures
from ifgan.runtime import Runtime
from ifgan.specs import MEASURES, EvaluationSettings
from ifgan.stage import Stage
from ifgan.toyfaces import load_classifier


def run(
    settings: EvaluationSettings,
    inputs: Mapping[str, Path],
    outputs: Mapping[str, Path],
    runtime: Runtime,
) -> dict[str, dict[str, Any]]:
    """Edit, render, score; returns what KFP's consoles show of each output."""
    boundary = Boundary.load(inputs["boundary"])
    device = resolve_all(runtime.device)[0]  # faces are few: one device is enough
    measured = _measured(settings, inputs)
    # Before, at every step, and some at the equal change; where likeness is measured once more.
    renderings = 3 + len(settings.steps) + (1 + len(settings.steps) if measured else 0)
    faces = renderings * settings.num_samples
    with using(device), runtime.progress.track(faces, "faces") as advance:
        stage = Stage(
            generators.load(settings, inputs.get("weights"), device=device),
            load_classifier(settings.judge, device=device),
            seed=settings.seed,
            num_samples=settings.num_samples,
            psi=settings.truncation_psi,
            cutoff=settings.truncation_cutoff,
            align=settings.align,
            batch_size=runtime.batch_size,
            advance=advance,
            measures=load_measures(measured, device=device),
        )
        row = measure(
            stage,
            boundary,
            name=title(boundary.attribute, conditions_of(boundary)),
            column=settings.column,
            steps=settings.steps,
            wanted=settings.change,
        )
        pairs = stage.pairs(boundary, row.equal)
        correlations = stage.correlations({row.name: boundary})
    table = {"format": "ifgan-edits/1", "rows": [as_json(row)]}
    write_json(outputs["edits"] / "table.json", table)
    page = render_edits(EditsData([row], {row.name: pairs}, correlations))
    outputs["report"].write_text(page, encoding="utf-8")
    shown: dict[str, Any] = {"judge": row.judge, "space": row.space}
    if row.self_scored:
        shown["warning"] = SELF_SCORED
    if row.equal is not None:
        shown.update({effect.name: effect.in_sigmas.mean for effect in row.equal.effects})
        shown.update({name: found.mean for name, found in row.equal.likeness.items()})
    return {"edits": shown}


def _measured(
    settings: EvaluationSettings, inputs: Mapping[str, Path]
) -> dict[str, tuple[Path, Preprocessing]]:
    """File of each measure's network, and what that takes an image as."""
    given = {name: getattr(settings, f"{name}_input") for name in MEASURES}
    return {
        name: (inputs[name], Preprocessing.from_text(text))
        for name, text in given.items()
        if text is not None
    }
