"""How near a network's faces are to toyfaces' of the same latents, all of them held out.

What counts is what the classifier `toyfaces` makes of them: the network learnt from another one.
Of rendered faces its scores do not follow the truth wholly either (eyeglasses that are not worn are
seen in no pixel), so that its scores of the network's faces are compared with those of the rendered
ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from ifgan.generators.checkpoint import load_generator_file
from ifgan.toyfaces.classifiers import load_classifier
from ifgan.toyfaces.generator import ToyFaces
from ifgan.toyfaces.space import DIM

HELD_OUT_SEED = 4_410_000_000


class FactorQuality(TypedDict):
    """What the classifier's scores of one factor say.

    Parameters
    ----------
    as_rendered : Spearman correlation of its scores of drawn and of rendered faces.
    truth, truth_rendered : of either scores with the true factor.
    auroc, auroc_rendered : with which either tell faces above the population's median of the truth
        (of logits: above zero, where the attribute is present).
    distance : largest between the two distributions of scores (Kolmogorov-Smirnov), 0 to 1.
    """

    as_rendered: float
    truth: float
    truth_rendered: float
    auroc: float
    auroc_rendered: float
    distance: float


class Quality(TypedDict):
    """``psnr`` in dB over all pixels, and each factor's."""

    psnr: float
    factors: dict[str, FactorQuality]


def quality(path: Path, *, count: int, device: torch.device, psi: float = 1.0) -> Quality:
    """Judge the network of a file by so many faces."""
    teacher, network = ToyFaces(), load_generator_file(path, device=device)
    z_ND = torch.randn(count, DIM, generator=torch.Generator().manual_seed(HELD_OUT_SEED))
    w_NRD = teacher.mapping(z_ND)
    faces = network.synthesis(network.mapping(z_ND)).clamp(-1.0, 1.0).cpu()
    rendered = teacher.synthesis(w_NRD)
    error = float((faces - rendered).square().mean())
    classifier = load_classifier("toyfaces")
    drawn_NF, rendered_NF = classifier.score(faces).numpy(), classifier.score(rendered).numpy()
    factors_NF = teacher.factors(w_NRD)
    found = {
        column.name: _factor(drawn_NF[:, f], rendered_NF[:, f], factors_NF[:, f], column.kind)
        for f, column in enumerate(classifier.columns)
    }
    return {"psnr": round(10.0 * math.log10(4.0 / error), 3), "factors": found}


def _factor(
    drawn_N: NDArray[np.float32],
    rendered_N: NDArray[np.float32],
    truth_N: NDArray[np.float32],
    kind: str,
) -> FactorQuality:
    from scipy.stats import ks_2samp, spearmanr

    present_N = truth_N > (0.0 if kind == "logit" else np.median(truth_N))

    def spearman(one_N: NDArray[np.float32], other_N: NDArray[np.float32]) -> float:
        if np.ptp(one_N) == 0 or np.ptp(other_N) == 0:
            return 0.0
        return round(float(spearmanr(one_N, other_N).statistic), 4)

    return {
        "as_rendered": spearman(drawn_N, rendered_N),
        "truth": spearman(drawn_N, truth_N),
        "truth_rendered": spearman(rendered_N, truth_N),
        "auroc": _auroc(drawn_N, present_N),
        "auroc_rendered": _auroc(rendered_N, present_N),
        "distance": round(float(ks_2samp(drawn_N, rendered_N).statistic), 4),
    }


def _auroc(scores_N: NDArray[np.float32], present_N: NDArray[np.bool_]) -> float:
    """NaN-free: 0.5 where there is only one class."""
    from sklearn.metrics import roc_auc_score

    if present_N.all() or not present_N.any():
        return 0.5
    return round(float(roc_auc_score(present_N, scores_N)), 4)


def table(found: Quality) -> str:
    """What is printed."""
    head = f"{'':10}  as rendered   truth (rendered)   AUROC (rendered)   distance"
    lines = [f"PSNR {found['psnr']:.2f} dB", "", head]
    for name, factor in found["factors"].items():
        lines.append(
            f"{name:10}  {factor['as_rendered']:11.3f}   {factor['truth']:5.3f} "
            f"({factor['truth_rendered']:8.3f})   {factor['auroc']:5.3f} "
            f"({factor['auroc_rendered']:8.3f})   {factor['distance']:8.3f}"
        )
    return "\n".join(lines) + "\n"
