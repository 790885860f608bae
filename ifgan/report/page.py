"""The page itself: figures, faces and words into one HTML file.

The page is static. A content security policy written into it forbids every request and every
script, so that a report can be opened, mailed or archived without a second thought.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ifgan.report import figures, metrics, summary, words
from ifgan.report.data import Face, ReportData
from ifgan.styles import Channel

if TYPE_CHECKING:
    from jinja2 import Template

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"RIFF": "image/webp",
}


@dataclass(frozen=True)
class Thumbnail:
    """One face as the template needs it."""

    alt: str
    source: str
    seed: int
    distance: str
    score: str


@dataclass(frozen=True)
class Panel:
    """The faces of one place along the direction, in order of distance."""

    side: str  # negative, boundary or positive: its colour on the page
    title: str
    reach: str  # the distances shown
    faces: list[Thumbnail]


def render(data: ReportData) -> str:
    """The report of one boundary.

    Parameters
    ----------
    data : what to show; metrics, figures and faces that are missing are left out.

    Returns
    -------
    a self-contained HTML page, the same to the byte for the same data. May be called from
    several threads.

    Raises
    ------
    ValueError
        If a thumbnail is not a PNG, JPEG or WebP file.
    """
    return template("page.html.jinja").render(
        data=data,
        given=f", given {', '.join(data.conditions)}" if data.conditions else "",
        score_label=figures.score_label(data),
        verdict=metrics.verdict(data),
        panels=_panels(data),
        channels=[_channel(channel) for channel in data.channels],
        key_figures=metrics.key_figures(data),
        metrics=metrics.all_metrics(data),
        histogram=figures.score_histogram(data),
        scatter=figures.distance_against_score(data),
        roc=figures.roc(data),
        learning=figures.learning_curve(data),
        predicted=figures.limit_of(data) is not None,
        quality_name=figures.quality_name(data),
        sides=[what for what, *_ in figures.groups(data)],
        num_faces=words.count(data.scores.size),
        about_scores=metrics.about_scores(data),
        against_truth=metrics.against_truth(data),
        unseen_scores=summary.outside(data.scores),
        unseen_distances=summary.outside(data.distances),
        deviation=f"{np.std(data.distances):.3g}",
        step=f"{np.std(data.distances) / (data.slope or 1.0):.3g}",
        settings={
            step: {name: _as_text(value) for name, value in options.items()}
            for step, options in data.settings.items()
        },
    )


def _channel(channel: Channel) -> dict[str, str]:
    """One style in words."""
    effect, sigma, weight = map(words.number, (channel.effect, channel.sigma, channel.weight))
    return {
        "place": f"{channel.layer} · {channel.channel}",
        "meaning": f"effect {effect}, standard deviation {sigma}, step {weight}",
    }


@functools.cache
def template(name: str) -> Template:
    """A page of this package by its file name; its text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def _panels(data: ReportData) -> list[Panel]:
    name = data.attribute
    low, middle, high = (
        (f"{name} absent", "on the boundary", f"{name} present")
        if data.kind == "binary"
        else (f"low {name}", "at distance 0", f"high {name}")
    )
    panels = [
        _panel("negative", low, data.negatives, data),
        _panel("boundary", middle, data.boundary, data),
        _panel("positive", high, data.positives, data),
    ]
    return [panel for panel in panels if panel.faces]


def _panel(side: str, title: str, faces: Sequence[Face], data: ReportData) -> Panel:
    along = sorted(faces, key=lambda face: (face.distance, face.seed))
    thumbnails = [_thumbnail(face, data) for face in along]
    ends = dict.fromkeys(face.distance for face in (*thumbnails[:1], *thumbnails[-1:]))
    return Panel(side, title, " to ".join(ends), thumbnails)


def _thumbnail(face: Face, data: ReportData) -> Thumbnail:
    distance = words.fixed(face.distance, _decimals(data.distances), signed=True)
    score = words.fixed(face.score, _decimals(data.scores))
    alt = f"Face of seed {face.seed}: distance {distance}, {data.attribute} score {score}"
    return Thumbnail(
        alt=f"{alt} {data.score_unit}".rstrip(),
        source=data_url(face.image),
        seed=face.seed,
        distance=distance,
        score=score,
    )


def _decimals(values_N: NDArray[np.floating[Any]]) -> int:
    return words.decimals(float(np.std(values_N)), digits=2)


def data_url(image: bytes) -> str:
    """An encoded image as a part of the page; what it is, its first bytes say."""
    for signature, media_type in _SIGNATURES.items():
        if image.startswith(signature):
            return f"data:{media_type};base64,{base64.b64encode(image).decode()}"
    raise ValueError(f"thumbnails must be PNG, JPEG or WebP; got a file of {image[:8]!r}")


def _as_text(value: object) -> str:
    """A setting as one would write it in YAML."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
