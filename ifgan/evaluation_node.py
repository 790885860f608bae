"""evaluation=edits: the fourth node, which reads a fit's boundary and renders edits along it."""

from __future__ import annotations

import logging

from ifgan.errors import UserError, choices
from ifgan.graph import File, Identities, Node, Output
from ifgan.node_settings import sampler_settings
from ifgan.schema import Config, Evaluation
from ifgan.specs import EvaluationSettings

log = logging.getLogger(__name__)


def evaluation_node(config: Config, identities: Identities, fit: Node) -> Node | None:
    """The node that evaluates an svm node's boundary; None where none is asked for.

    Raises
    ------
    UserError
        If there is no generator to render with, the judge does not score the attribute, or the
        faces to edit are among those that are fitted.
    """
    evaluation = config.evaluation
    if identities.judge_digest is None:
        if evaluation != Evaluation():
            log.warning("evaluation.* has no effect without evaluation=edits.")
        return None
    if config.sampler.uri:
        raise UserError(
            "evaluation=edits renders, so it needs the generator, which sampler=existing has not. "
            "Leave evaluation=edits out."
        )
    column = _judged_column(config, identities)
    networks = {
        f"{name}_input": network.preprocessing.as_text()
        for name, network in evaluation.networks().items()
    }
    drawn = sampler_settings(config, identities.generator_digest)
    settings = EvaluationSettings(
        generator=drawn.generator,
        generator_digest=drawn.generator_digest,
        resolution=drawn.resolution,
        precision=drawn.precision,
        class_label=drawn.class_label,
        exit_resolution=drawn.exit_resolution,
        truncation_psi=drawn.truncation_psi,
        truncation_cutoff=drawn.truncation_cutoff,
        align=drawn.align,
        judge=evaluation.classifier,
        judge_digest=identities.judge_digest,
        column=column,
        num_samples=evaluation.num_samples,
        seed=evaluation.seed,
        steps=[float(step) for step in evaluation.steps],
        change=evaluation.change,
        **networks,
    )
    sources: dict[str, Output | File] = {"boundary": Output(fit, "boundary")}
    sources.update(identities.measured)
    if identities.generator_file:
        sources["weights"] = identities.generator_file
    return Node("evaluation", settings, sources)


def _judged_column(config: Config, identities: Identities) -> str:
    """What the judge calls the attribute, of faces that are not among those that are fitted."""
    evaluation, sampler = config.evaluation, config.sampler
    column = config.attribute.column(evaluation.classifier)
    if column not in identities.judged:
        raise UserError(
            f"evaluation.classifier={evaluation.classifier} does not score "
            f"'{config.attribute.name}' (no column '{column}'). "
            f"{choices(identities.judged, column)} Or leave evaluation=edits out."
        )
    last = evaluation.seed + evaluation.num_samples
    if evaluation.seed < sampler.seed + sampler.num_samples and sampler.seed < last:
        raise UserError(
            f"evaluation.seed must lie outside of the fitted seeds {sampler.seed} to "
            f"{sampler.seed + sampler.num_samples - 1}. Got {evaluation.seed}, for "
            f"{evaluation.num_samples} faces."
        )
    return column
