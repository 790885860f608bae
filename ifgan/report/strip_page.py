"""The page of edited faces: a slider for each, and one for all along the same boundary.

Every frame is an image of its own with a text alternative. A short script shows one at a time;
where scripts do not run, and on paper, all frames are there, side by side.

Shape legend: N faces, S steps, H pixels a side.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from ifgan.report import strip_words
from ifgan.report.page import data_url, template
from ifgan.strip import Strip

_LARGEST, _QUALITY = 256, 82  # pixels of a face, quality of WebP: some 10 kB


def render_strips(strips: Sequence[Strip]) -> str:
    """A self-contained HTML page, the same to the byte for the same strips."""
    script = Path(__file__).with_name("strip.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template("strip.html.jinja").render(
        strips=[_section(number, strip) for number, strip in enumerate(strips)],
        script=Markup(script),
        digest=digest,
    )


def _section(number: int, strip: Strip) -> dict[str, Any]:
    low, high = strip_words.ends(strip)
    return {
        "id": f"strip-{number}",
        "title": strip.title,
        "caption": strip_words.caption(strip),
        "low": low,
        "high": high,
        "last": strip.frames.shape[1] - 1,
        "positions": [strip_words.position(strip, k) for k in range(strip.frames.shape[1])],
        "start": _start(strip, None),
        "faces": [_face(strip, row) for row in range(len(strip.faces))],
        "side": min(strip.frames.shape[2], _LARGEST),
    }


def _face(strip: Strip, row: int) -> dict[str, Any]:
    name, before = strip.faces[row], strip.before
    at = "distance" if strip.course.mode == "relative" else "unedited at"
    where = "" if before is None else strip_words.distance(strip, float(before[row]))
    return {
        "name": name,
        "unedited": _source(strip.unedited[row]),
        "unedited_alt": f"{name}, unedited",
        "at": f"{at} {where}" if where else "",
        "start": _start(strip, row),
        "frames": [
            {
                "source": _source(pixels),
                "alt": f"{name}, {strip.title}: {strip_words.position(strip, step)}",
                "distance": _distance(strip, row, step),
            }
            for step, pixels in enumerate(strip.frames[row])
        ],
    }


def _distance(strip: Strip, row: int, step: int) -> str:
    """Where the edited face is; nothing where it has not moved, or the position says so already."""
    if strip.distances is None or strip.course.mode == "absolute" or step == strip.course.start:
        return ""
    return f"→ {strip_words.distance(strip, float(strip.distances[row, step]))}"


def _start(strip: Strip, row: int | None) -> int:
    """The step that is shown first: the unedited face, or the one that is nearest to it."""
    if strip.course.start is not None:
        return strip.course.start
    absolute = strip.course.mode == "absolute" and row is not None and strip.before is not None
    at = float(strip.before[row]) if absolute and strip.before is not None else 0.0
    return int(np.argmin(np.abs(np.array(strip.course.positions) - at)))


def _source(pixels_HH3: NDArray[np.uint8]) -> str:
    buffer, picture = io.BytesIO(), Image.fromarray(pixels_HH3)
    picture.thumbnail((_LARGEST, _LARGEST))  # smaller ones stay as they are
    picture.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return data_url(buffer.getvalue())
