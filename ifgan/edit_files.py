"""What `python -m ifgan.edit` writes: for each strip its pictures, for all of them one page.

All are made in memory, and each appears whole: a run that ends early leaves none half-written.

    <name>.png, <name>.gif, <name>.mp4   a strip
    edit.html                            a slider for each face
    edit.json                            faces, steps and distances
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ifgan.files import as_json, write_whole
from ifgan.strip import Strip


def write(folder: Path, strips: Sequence[Strip], *, mp4: bool) -> list[Path]:
    """Write the files of some strips into an existing folder; returns them."""
    from ifgan.report import film, strip_picture
    from ifgan.report.strip_page import render_strips

    contents: dict[str, bytes] = {}
    for name, strip in zip(_names(strips), strips, strict=True):
        picture = io.BytesIO()
        strip_picture.figure(strip).save(picture, "PNG")
        contents[f"{name}.png"] = picture.getvalue()
        contents[f"{name}.gif"] = film.gif(strip)
        if mp4:
            contents[f"{name}.mp4"] = film.mp4(strip)
    contents["edit.html"] = render_strips(strips).encode()
    record = {"format": "ifgan-edit/1", "strips": [_record(strip) for strip in strips]}
    contents["edit.json"] = as_json(record).encode()
    for name, content in contents.items():
        write_whole(folder / name, content)
    return [folder / name for name in contents]


def _record(strip: Strip) -> dict[str, Any]:
    course = strip.course
    return {
        "title": strip.title,
        "attributes": list(strip.attributes),
        "space": strip.space,
        "mode": course.mode,
        "unit": course.unit,
        "positions": list(course.positions),
        **course.what,
        "faces": list(strip.faces),
        "distances_before": None if strip.before is None else strip.before.tolist(),
        "distances": None if strip.distances is None else strip.distances.tolist(),
    }


def _names(strips: Sequence[Strip]) -> list[str]:
    """File names that say which strip it is, no two alike."""
    names: list[str] = []
    for strip in strips:
        words = strip.title.replace("|", "given").replace("+", "and")
        name = re.sub(r"[^\w.-]+", "-", words)[:80].strip("-.")
        names.append(name if name and name not in names else f"{name}-{len(names) + 1}")
    return names
