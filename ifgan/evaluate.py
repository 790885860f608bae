"""`python -m ifgan.evaluate RUN_OR_SWEEP…`: the causal edit table of boundaries that are there.

Faces of fresh seeds are moved along each boundary, rendered again and scored by a judge, here on
this machine. Several boundaries make the re-scoring matrix, at an equal change of each target.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ifgan.boundary import Boundary
from ifgan.edit_summary import SELF_SCORED, lines
from ifgan.edit_table import Row, as_json
from ifgan.errors import UserError
from ifgan.files import write_json
from ifgan.options import command, parse
from ifgan.places import boundaries_at, generator_of, out_folder
from ifgan.ranges import in_range, one_of
from ifgan.schema import METRICS, Evaluation, check_edits
from ifgan.specs import MEASURES

if TYPE_CHECKING:
    import torch

    from ifgan.classifiers.base import Classifier
    from ifgan.resemblance import Measure
    from ifgan.stage import Stage


@dataclass(frozen=True)
class Options:
    """How boundaries are evaluated.

    Parameters
    ----------
    classifier : the judge: judge, toyfaces or toyfaces_biased; best not the fit's own.
    num_samples, seed : the faces that are edited, of seeds that no fit has seen.
    steps : calibrated steps, in standard deviations of the population's distance.
    metric : euclidean: along the normal; covariance: along the population's covariance times the
        normal; own: as the boundary's edits are; several, after commas, compares them.
    change : of the target that boundaries are compared at, in standard deviations of its score.
    generator : a name or a file; null: the run's.
    space : w or z, where other tools' boundary files live; ours say so themselves.
    identity : ONNX file of a face network, by whose embeddings edited faces are compared with
        unedited ones: a path, or {path: …, image_size: …, …}; null: not measured.
    perceptual : of a perceptual network, likewise; docs/evaluation.md.
    device : auto, cpu or cuda.
    batch_size : faces that are rendered together.
    out : where evaluation.html and evaluation.json go.
    """

    classifier: str = Evaluation.classifier
    num_samples: int = Evaluation.num_samples
    seed: int = Evaluation.seed
    steps: tuple[float, ...] = tuple(Evaluation().steps)
    metric: str = "own"
    change: float = Evaluation.change
    generator: str | None = None
    space: str | None = None
    identity: str | None = None
    perceptual: str | None = None
    device: str = "auto"
    batch_size: int = 64
    out: str = "."

    def __post_init__(self) -> None:
        for metric in self.metrics:
            one_of("metric", metric, (*METRICS, "own"))
        check_edits(
            "",
            classifier=self.classifier,
            num_samples=self.num_samples,
            seed=self.seed,
            steps=self.steps,
            change=self.change,
        )
        in_range("batch_size", self.batch_size, low=1, high=4096)

    @property
    def metrics(self) -> list[str]:
        """One or more."""
        return self.metric.split(",")


_HELP = f"""\
python -m ifgan.evaluate RUN_OR_SWEEP… [option=value …]

{Options.__doc__}"""


def evaluate(places: Sequence[Path], options: Options) -> list[Row]:
    """Measure all boundaries of some runs, and write the page and the figures.

    Raises
    ------
    UserError
        If there are none, they are of several generators, or the judge can't score them.
    """
    boundaries = boundaries_at(places, space=options.space)
    out = out_folder(options.out)
    source = generator_of(places, [*boundaries.values()], options.generator)
    stage, rows = _measured(boundaries, options, *source)
    correlations = stage.correlations(boundaries)
    from ifgan.report.edits import EditsData, render_edits
    from ifgan.rescoring import along

    moved = itertools.product(options.metrics, boundaries.values())
    pairs = {
        row.name: stage.pairs(along(stage, boundary, metric), row.equal)
        for row, (metric, boundary) in zip(rows, moved, strict=True)
    }
    page = render_edits(EditsData(rows, pairs, correlations))
    (out / "evaluation.html").write_text(page, encoding="utf-8")
    write_json(
        out / "evaluation.json",
        {
            "format": "ifgan-edits/1",
            "rows": [as_json(row) for row in rows],
            "correlations": {t: {"names": n, "values": v} for t, (n, v) in correlations.items()},
        },
    )
    return rows


def _measured(
    boundaries: dict[str, Boundary], options: Options, name: str, size: Mapping[str, Any]
) -> tuple[Stage, list[Row]]:
    """The stage, and every boundary's row."""
    from ifgan.interface import load_generator
    from ifgan.progress import Progress
    from ifgan.rescoring import measure
    from ifgan.stage import Stage
    from ifgan.toyfaces import load_classifier

    first = next(iter(boundaries.values())).provenance
    generator = load_generator(name, device=options.device, **size).network
    judge = load_classifier(options.classifier, device=generator.w_avg.device)
    measures = _measures(options, generator.w_avg.device)
    # Before, at every step, and a few tries at the equal change; where likeness is measured again.
    each = len(options.steps) + 2 + (len(options.steps) + 1 if measures else 0)
    renderings = 1 + len(boundaries) * len(options.metrics) * each
    with Progress("evaluate").track(renderings * options.num_samples, "faces") as advance:
        stage = Stage(
            generator,
            judge,
            seed=options.seed,
            num_samples=options.num_samples,
            psi=first.get("truncation_psi") or 1.0,
            cutoff=first.get("truncation_cutoff"),
            align=first.get("align") or "none",
            batch_size=options.batch_size,
            advance=advance,
            measures=measures,
        )
        rows = [
            measure(
                stage,
                boundary,
                name=label if len(options.metrics) == 1 else f"{label}, {metric}",
                column=_column(boundary, judge),
                steps=options.steps,
                wanted=options.change,
                metric=metric,
            )
            for metric in options.metrics
            for label, boundary in boundaries.items()
        ]
    return stage, rows


def _measures(options: Options, device: torch.device) -> tuple[Measure, ...]:
    """The measures of likeness that are asked for."""
    given = {name: getattr(options, name) for name in MEASURES if getattr(options, name)}
    if not given:
        return ()
    from ifgan.compose import compose_config, quoted
    from ifgan.identities import measured
    from ifgan.resemblance import load_measures

    config = compose_config(
        [
            f"evaluation.{name}={value if value.startswith('{') else quoted(value)}"
            for name, value in given.items()
        ]
    )
    networks = config.evaluation.networks()
    return load_measures(
        {
            name: (file.as_path(), networks[name].preprocessing)
            for name, file in measured(config).items()
        },
        device=device,
    )


def _column(boundary: Boundary, judge: Classifier) -> str:
    """What the judge calls the attribute: by its name, or as the fit's own classifier does."""
    if boundary.attribute in [column.name for column in judge.columns]:
        return boundary.attribute
    own: str = boundary.provenance.get("svm", {}).get("column", boundary.attribute)
    return own


def _run(arguments: list[str]) -> str:
    places, options = parse(arguments, Options)
    if not places:
        raise UserError("give at least one run directory, sweep directory or boundary.npy.")
    rows = evaluate(places, options)
    said = ["\n".join(lines(rows)), ""]
    if any(row.self_scored for row in rows):
        said.append(f"Some rows are {SELF_SCORED}.")
    out = Path(options.out)
    return "\n".join([*said, f"written: {out / 'evaluation.html'}, {out / 'evaluation.json'}"])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit code."""
    return command(arguments, _HELP, _run, interrupted="nothing was written")


if __name__ == "__main__":
    sys.exit(main())
