"""What a fit is given: the latents of one space, the scores of one attribute, and the labels.

Shape legend: N samples with a score, D dimensions.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ifgan import labelling
from ifgan.artifacts import Latents, ScoreColumn, Scores
from ifgan.errors import UserError
from ifgan.fits import Float32
from ifgan.losses import Float64
from ifgan.spaces import in_space, styles_of
from ifgan.specs import SvmSettings
from ifgan.style_fits import Styles

log = logging.getLogger(__name__)

Rows = NDArray[np.intp]

_BLOCK = 8192  # latents that are normalised at a time
_ENOUGH = 100  # samples of the rarer class below which a boundary is hardly worth having


@dataclass(frozen=True, eq=False)
class Problem:
    """Samples, labels and the split of one fit.

    Parameters
    ----------
    column : what the scores mean.
    seeds : (N,); latents : (N, D) in the fit's space, of S the w that it follows from, those of
        all groups of rows end to end; scores : (N,), finite.
    rows : the rows of w that are fitted, first and stop; styles : S, if the fit is in it.
    targets : (N,), what is fitted; the sign is the label.
    train, validation : rows of the labelled samples, disjoint; every other row is remaining.
    threshold : score above which a face counts as positive.
    num_unscored : samples that were dropped for want of a score.
    truths : (D,) unit vectors, the true directions of all attributes that the generator knows.
    factors : (N,) what is true of the attribute in each face; None where that is not known.
    centre : (D,) w_avg of the generator.
    latents_provenance, scores_provenance : where the inputs come from.
    """

    column: ScoreColumn
    seeds: NDArray[np.int64]
    latents: Float32
    rows: tuple[int, int]
    styles: Styles | None
    scores: Float64
    targets: Float64
    train: Rows
    validation: Rows
    threshold: float
    num_unscored: int
    truths: Mapping[str, Float64]
    factors: Float64 | None
    centre: Float32
    warnings: tuple[str, ...]
    latents_provenance: Mapping[str, Any]
    scores_provenance: Mapping[str, Any]

    @property
    def positive(self) -> NDArray[np.bool_]:
        """(N,) whether the classifier sees the attribute."""
        return self.scores > self.threshold

    @property
    def labelled(self) -> Rows:
        """Rows that have a label."""
        return np.sort(np.concatenate([self.train, self.validation]))


def read(settings: SvmSettings, latents_dir: Path, scores_dir: Path) -> Problem:
    """Read latents and scores, drop what has no score, label and split.

    Raises
    ------
    UserError
        If the two do not belong together, all scores are equal, or a class is too small.
    """
    latents, scores = Latents.read(latents_dir), Scores.read(scores_dir)
    if not np.array_equal(latents.seeds, scores.seeds):
        raise UserError(
            f"latents and scores must be of the same seeds. Got {len(latents.seeds)} latents and "
            f"{len(scores.seeds)} scores. Use artifacts of one run."
        )
    column, all_scores = labelling.column_of(settings, scores)
    scored = np.flatnonzero(np.isfinite(all_scores))
    scores_N = all_scores[scored]
    if len(scored) == 0:
        raise UserError(
            f"attribute '{settings.attribute}' must have a score for some of the seeds "
            f"{latents.seeds.min()} to {latents.seeds.max()}. Got none. Set sampler.seed and "
            "sampler.num_samples to match classifier.path."
        )
    if scores_N.min() == scores_N.max():
        raise UserError(
            f"the scores of attribute '{settings.attribute}' must differ between faces. Got "
            f"{len(scored)} equal scores. Check that the classifier fits these images."
        )
    threshold = labelling.threshold_of(settings, column, scores_N)
    rng = np.random.RandomState(settings.seed)
    targets_N, groups = labelling.labels(settings, scores_N, threshold)
    unscored = len(latents.seeds) - len(scored)
    train, validation = _split(settings, groups, rng, unscored=unscored)
    fitted, rows = in_space(settings, latents, scored)
    return Problem(
        column=column,
        seeds=latents.seeds[scored],
        latents=fitted,
        rows=(rows[0], rows[-1] + 1),
        styles=styles_of(latents, rows) if settings.space == "s" else None,
        scores=scores_N,
        targets=targets_N,
        train=train,
        validation=validation,
        threshold=threshold,
        num_unscored=unscored,
        truths=_truths(settings, latents),
        factors=_factors(settings, latents, scored),
        centre=latents.w_avg,
        warnings=(
            *(str(warning) for warning in latents.provenance.get("warnings", ())),
            *_warnings(settings, scores_N > threshold, unscored),
        ),
        latents_provenance=latents.provenance,
        scores_provenance=scores.provenance,
    )


def _truths(settings: SvmSettings, latents: Latents) -> dict[str, Float64]:
    """True directions by attribute in the fit's space; none are known in S."""
    if latents.truth is None or settings.space == "s":
        return {}
    return dict(zip(latents.truth.names, latents.truth.directions[settings.space], strict=True))


def _factors(settings: SvmSettings, latents: Latents, rows: Rows) -> Float64 | None:
    """What is true of the attribute in the faces of some rows."""
    if latents.truth is None or settings.attribute not in latents.truth.names:
        return None
    column = latents.truth.names.index(settings.attribute)
    factors: Float64 = latents.truth.factors[rows, column].astype(np.float64)
    return factors


def searches_c(settings: SvmSettings) -> bool:
    """Whether C is chosen by cross-validation; a fit in S has none."""
    return settings.c is None and settings.space != "s"


def _split(
    settings: SvmSettings,
    groups: tuple[Rows, Rows],
    rng: np.random.RandomState,
    *,
    unscored: int,
) -> tuple[Rows, Rows]:
    """Each class shuffled, then cut at ``split_ratio``."""
    # Cross-validation needs every fold to hold both classes, on either side of the cut.
    needed = 2 * settings.folds if searches_c(settings) else 2
    smaller = min(groups, key=len)
    more = f" Or give scores to more of the {unscored:,} faces that have none." if unscored else ""
    train, validation = [], []
    for rows in groups:
        cut = int(len(rows) * settings.split_ratio)
        if cut < needed or len(rows) - cut < 2:
            raise UserError(
                f"svm.method={settings.method} needs at least "
                f"{max(needed, int(np.ceil(needed / settings.split_ratio)))} faces on either side "
                f"of attribute '{settings.attribute}'. Got {len(smaller)} on the smaller one. "
                f"{labelling.remedy(settings)}{more}"
            )
        shuffled = rng.permutation(rows)
        train.append(shuffled[:cut])
        validation.append(shuffled[cut:])
    return np.concatenate(train), np.concatenate(validation)


def _warnings(
    settings: SvmSettings, positive_N: NDArray[np.bool_], unscored: int
) -> tuple[str, ...]:
    count = len(positive_N)
    rarer = int(min(positive_N.sum(), count - positive_N.sum()))
    warnings = []
    if unscored:
        warnings.append(
            f"{unscored:,} of {count + unscored:,} faces have no score of '{settings.attribute}' "
            "and are left out"
        )
    if 0 < rarer < _ENOUGH:
        more = int(np.ceil(count * (_ENOUGH / rarer - 1)))
        warnings.append(
            f"only {rarer} of {count:,} faces are in the rarer class of '{settings.attribute}'; "
            f"about {more:,} more faces would make it {_ENOUGH}"
        )
    return tuple(warnings)
