"""The conditions of a fit: boundaries that come in as artifacts, projected off every hyperplane.

Every one: the fit of the training faces that is measured, the final one that is written, those of
halves and of subsets. So accuracies, AUROC, the angle between halves and the learning curve are all
of the conditional boundary. C is chosen for what the fit itself predicts. The conditions are held
fixed: their own sampling error is in no figure here, but in those of their own reports.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from ifgan.boundary import Boundary
from ifgan.boundary_checks import check_condition
from ifgan.conditions import by_name, conditioned, conditioned_plane
from ifgan.fits import Hyperplane
from ifgan.losses import Float64
from ifgan.problem import Problem
from ifgan.specs import SvmSettings


def read(settings: SvmSettings, task: Problem, inputs: Mapping[str, Path]) -> list[Boundary]:
    """The boundaries of the inputs ``condition_0``, ``condition_1``, ….

    Raises
    ------
    UserError
        If one is of another space or generator than the fit.
    """
    numbered = itertools.takewhile(inputs.get, (f"condition_{n}" for n in itertools.count()))
    found = [Boundary.load(inputs[name]) for name in numbered]
    for condition in found:
        check_condition(
            condition,
            attribute=settings.attribute,
            space=settings.space,
            width=task.latents.shape[1],
            generator=str(task.latents_provenance["generator_digest"]),
        )
    return found


def given(plane: Hyperplane, conditions: Sequence[Boundary], *, attribute: str) -> Hyperplane:
    """A hyperplane given conditions; itself without any.

    Raises
    ------
    UserError
        If nothing of it would be left, naming the condition that has all of it.
    """
    if not conditions:
        return plane
    found = conditioned_plane(plane.normal, plane.intercept, by_name(conditions), name=attribute)
    return Hyperplane(found.normal, found.intercept, retained=found.retained)


def true_direction(
    settings: SvmSettings, task: Problem, conditions: Sequence[Boundary]
) -> Float64 | None:
    """(D,) unit vector that a fit is after: the truth, given the true conditions.

    None where the generator does not know one of them.
    """
    wanted = (settings.attribute, *(condition.attribute for condition in conditions))
    if not all(name in task.truths for name in wanted):
        return None
    own, *others = (task.truths[name] for name in wanted)
    return conditioned(own, dict(zip(wanted[1:], others, strict=True)), name=wanted[0])[0]
