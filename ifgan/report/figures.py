"""The four figures: scores, distance against score, ROC, learning curve.

Colour has one meaning everywhere: orange is the positive side, blue the negative, grey what the
fit did not use, green what has no side. Every figure also tells them apart by place or shape.

Shape legend: N faces, B bins.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from ifgan.report.data import ReportData
from ifgan.report.metrics import known
from ifgan.report.summary import Values, bin_edges, frame, inside, running_median, thin
from ifgan.report.svg import FRAME, HEIGHT, WIDTH, Ink, draw
from ifgan.report.words import count, fraction, number, shorten, tick

_BINS = 48
_HEXES_ACROSS = 38
_DENSITY_STEPS = 7


def groups(data: ReportData) -> list[tuple[str, str, NDArray[np.bool_]]]:
    """(what, colour, mask (N,)) of the faces that are drawn alike, the ones to lie below first."""
    told = [(data.labels == label) for label in (0, 1, -1)]
    if not (told[0].any() and told[1].any()):
        return [("faces", Ink.ACCENT, np.ones(data.labels.shape, dtype=np.bool_))]
    named = zip(
        ("negative", "positive", "not used by the fit"),
        (Ink.NEGATIVE, Ink.POSITIVE, Ink.UNUSED),
        told,
        strict=True,
    )
    return [group for group in named if group[2].any()]


def score_label(data: ReportData) -> str:
    unit = data.score_unit or ("logit" if data.score_kind == "logit" else "")
    return f"{shorten(data.attribute)} score" + (f" ({unit})" if unit else "")


def score_histogram(data: ReportData) -> Markup:
    """How many faces have which score, stacked by what the fit was told of them."""

    def paint(axes: Any) -> None:
        from matplotlib.ticker import MaxNLocator

        edges = bin_edges(data.scores, through=data.threshold, num_bins=_BINS)
        below_B = np.zeros(edges.size - 1)
        for _, colour, mask_N in groups(data):
            top_B = below_B + np.histogram(data.scores[mask_N], edges)[0]
            axes.stairs(top_B, edges, baseline=below_B, fill=True, color=colour, linewidth=0)
            below_B = top_B
        axes.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.08 * max(below_B.max(), 1)))
        axes.set(title="faces", xlabel=score_label(data))
        axes.xaxis.grid(False)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
        _shorten_ticks(axes.xaxis, edges)
        _shorten_ticks(axes.yaxis, below_B)
        if data.threshold is not None:
            _mark(axes, data.threshold, f"threshold {number(data.threshold)}")

    low, middle, high = np.quantile(data.scores, (0.05, 0.5, 0.95))
    sides = ", ".join(f"{count(mask_N.sum())} {what}" for what, _, mask_N in groups(data))
    return draw(
        "scores",
        title=f"Histogram of the {data.attribute} score",
        description=f"{sides}. Median score {number(middle)}; nine in ten faces score between "
        f"{number(low)} and {number(high)} {data.score_unit}".rstrip()
        + ".",
        paint=paint,
    )


def distance_against_score(data: ReportData) -> Markup:
    """Density of (distance, score), with the median score along the distance."""

    def paint(axes: Any) -> None:
        extent = (*frame(data.distances), *frame(data.scores))
        shown = inside(data.distances, *extent[:2]) & inside(data.scores, *extent[2:])
        _densities(axes, data, shown, extent)
        axes.plot(
            *running_median(data.distances[shown], data.scores[shown]), color=Ink.TEXT, lw=1.6
        )
        axes.set(xlim=extent[:2], ylim=extent[2:])
        axes.set(title=score_label(data), xlabel="signed distance to the boundary (latent units)")
        _shorten_ticks(axes.yaxis, data.scores[shown])
        axes.grid(False)
        if data.threshold is not None and inside(data.threshold, *extent[2:]):
            axes.axhline(data.threshold, color=Ink.MUTED, lw=1, ls=(0, (4, 3)))
        _mark(axes, 0.0, "boundary")

    slope = np.corrcoef(data.distances, data.scores)[0, 1] if _varies(data) else 0.0
    return draw(
        "distances",
        title=f"Signed distance to the boundary against the {data.attribute} score",
        description=f"Density of {count(data.scores.size)} faces. "
        f"Correlation of distance and score {number(slope)}.",
        paint=paint,
    )


def roc(data: ReportData) -> Markup | None:
    """True against false positive rate; None where it is not known."""
    if data.roc is None:
        return None
    fpr_K, tpr_K = thin(*data.roc)
    auroc = known(data).get("auroc")

    def paint(axes: Any) -> None:
        axes.fill_between(fpr_K, tpr_K, color=Ink.ACCENT, alpha=0.12, linewidth=0)
        axes.plot((0, 1), (0, 1), color=Ink.MUTED, lw=1, ls=(0, (4, 3)))
        axes.plot(fpr_K, tpr_K, color=Ink.ACCENT, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), title="true positive rate", xlabel="false positive rate")
        axes.text(0.62, 0.55, "chance", color=Ink.MUTED, va="top")
        if auroc is not None:
            axes.text(0.97, 0.08, f"AUROC {fraction(auroc)}", ha="right", fontsize=13)

    at_tenth = float(np.interp(0.1, fpr_K, tpr_K))
    return draw(
        "roc",
        title="ROC curve on held-out faces",
        description=f"At a false positive rate of 0.1 the true positive rate is "
        f"{number(at_tenth)}.",
        paint=paint,
    )


def learning_curve(data: ReportData) -> Markup | None:
    """Quality against the number of faces; None where there are no such fits."""
    points = data.learning_curve
    if not points:
        return None
    name = quality_name(data)
    samples = [point.num_samples for point in points]
    quality = [point.quality for point in points]
    cosine = [point.cosine_to_full for point in points]

    limit = limit_of(data)

    def paint(axes: Any) -> None:
        axes.set_xscale("log")
        aside = {"color": Ink.MUTED, "ls": "--", "lw": 1.4, "marker": "s", "ms": 4}
        axes.plot(samples, cosine, label="cosine to the full fit", **aside)
        axes.plot(samples, quality, color=Ink.ACCENT, marker="o", ms=6, label=name)
        shown = list(samples)
        if limit is not None:
            shown.append(int(float(f"{limit[0][-1]:.2g}")))
            axes.plot(*limit, color=Ink.TEXT, ls=":", lw=1.8, label="predicted cosine to the limit")
        values = np.array([quality, cosine], dtype=np.float64)
        low = float(np.nanmin(values)) if np.isfinite(values).any() else 0.0
        axes.set(ylim=(max(-1.02, np.floor(10 * low - 0.5) / 10), 1.02))
        axes.set(title="on held-out faces", xlabel="faces given to the fit")
        _label_samples(axes, shown)
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles[::-1], labels[::-1], loc="lower right")

    course = "; ".join(
        f"{count(n)} faces {number(q)}" for n, q in zip(samples, quality, strict=True)
    )
    return draw(
        "learning",
        title=f"{name} on held-out faces against the number of faces given to the fit",
        description=f"{name}: {course}.",
        paint=paint,
    )


def limit_of(data: ReportData) -> tuple[Values, Values] | None:
    """Numbers of faces, and the cosine to the limit of many that is predicted for them.

    cos² = N / (N + n₀), from the smallest fit on to where the error is 10°, or to eight times the
    faces at hand if that is nearer; None where the error is not known.
    """
    found = known(data)
    if not {"error_angle", "faces_for_10_degrees", "num_fitted"} <= set(found):
        return None
    if not data.learning_curve:
        return None
    fitted = found["num_fitted"]
    at_half = fitted * math.tan(math.radians(found["error_angle"])) ** 2  # n₀
    wanted = found["faces_for_10_degrees"] / data.scores.size * fitted
    last = min(8 * fitted, max(wanted, fitted))
    faces_K = np.geomspace(data.learning_curve[0].num_samples, last, 60)
    return faces_K, np.sqrt(faces_K / (faces_K + at_half))


def quality_name(data: ReportData) -> str:
    return "AUROC" if data.kind == "binary" else "Spearman correlation"


def _shorten_ticks(axis: Any, values: Values) -> None:
    """Thousands as such; what is smaller is left to matplotlib, which knows the step."""
    from matplotlib.ticker import FuncFormatter

    if np.abs(values).max(initial=0) >= 1000:
        axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))


def _mark(axes: Any, x: float, text: str) -> None:
    """A dashed upright line at x, named at its top on the side with more room."""
    low, high = axes.get_xlim()
    if not low <= x <= high:
        return
    axes.axvline(x, color=Ink.TEXT, lw=1, ls=(0, (4, 3)))
    right = x < low + 0.6 * (high - low)
    axes.annotate(
        text,
        (x, 1),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        xytext=(5 if right else -5, 0),
        ha="left" if right else "right",
        va="top",
    )


def _densities(
    axes: Any, data: ReportData, shown: NDArray[np.bool_], extent: tuple[float, float, float, float]
) -> None:
    """Hexagons whose opacity is the logarithm of the number of faces in them.

    Their number is bounded, so the page is no larger for half a million faces than for ten
    thousand. Those of equal opacity are one path.
    """
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    across = _HEXES_ACROSS
    upward = round(across * (HEIGHT * FRAME[3]) / (WIDTH * FRAME[2]) / np.sqrt(3))
    layers = []
    for _, colour, mask_N in groups(data):
        x, y = data.distances[mask_N & shown], data.scores[mask_N & shown]
        bins = axes.hexbin(x, y, gridsize=(across, upward), extent=extent, mincnt=1)
        bins.remove()
        counts = np.asarray(bins.get_array())
        layers.append((colour, bins.get_paths()[0], bins.get_offsets(), counts))
    most = max(float(counts.max(initial=1.0)) for *_, counts in layers)
    for colour, hexagon, centres, counts in layers:
        level = np.log1p(counts) / np.log1p(most)
        step = np.clip(np.ceil(level * _DENSITY_STEPS), 1, _DENSITY_STEPS)
        for rank in np.unique(step):
            cells = [Path(hexagon.vertices + c, hexagon.codes) for c in centres[step == rank]]
            axes.add_patch(
                PathPatch(
                    Path.make_compound_path(*cells),
                    facecolor=colour,
                    alpha=float(0.12 + 0.88 * (rank / _DENSITY_STEPS) ** 1.3),
                    linewidth=0,
                )
            )


def _label_samples(axes: Any, samples: list[int]) -> None:
    """Ticks at the sample counts themselves, thinned where they would touch."""
    from matplotlib.ticker import NullLocator

    low, high = min(samples), max(samples)
    margin = (high / low) ** 0.06 if high > low else 2.0
    axes.set_xlim(low / margin, high * margin)
    apart = (high / low) ** 0.15
    ticks: list[int] = []
    for n in sorted(set(samples), reverse=True):
        if not ticks or ticks[-1] / n >= apart:
            ticks.append(n)
    axes.set_xticks(ticks, [tick(n) for n in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _varies(data: ReportData) -> bool:
    return bool(np.ptp(data.scores) > 0 and np.ptp(data.distances) > 0)
