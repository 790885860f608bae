"""The same faces moved along each boundary: one small picture for each run.

Rendering takes the generator, and time. So a picture is kept in its run directory, under a name
that holds the run's key, and drawn once; and whoever asks says how long drawing may take.
"""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ifgan.boundary import Boundary
from ifgan.comparison.runs import Run
from ifgan.errors import circumstance
from ifgan.files import write_whole
from ifgan.places import generator_of
from ifgan.progress import Progress
from ifgan.strip import Course, Strip

if TYPE_CHECKING:
    from ifgan.interface import LoadedGenerator

SEEDS = (0, 1, 2, 3)
POSITIONS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # standard deviations of the population's distance
_MOST = 60  # on one page, of some 30 kB
_SIDE, _GAP, _QUALITY = 96, 2, 80
_LOADING = 2.0  # seconds below which no network is loaded
_LATE = "there was no time to draw them"
_UNASKED = "none was drawn before, and drawing takes longer than a page should"


class _OutOfTimeError(Exception):
    pass


@dataclass(frozen=True)
class Gallery:
    """Pictures by the number of their run, and why others are missing, with how many of them."""

    pictures: Mapping[int, bytes]
    missing: Mapping[str, int]


def gallery(runs: Sequence[Run], *, seconds: float) -> Gallery:
    """What was drawn before, and as much more as can be drawn in so many seconds."""
    there = [k for k, run in enumerate(runs) if (run.folder / "boundary.npy").is_file()]
    pictures: dict[int, bytes] = {}
    for k in there:
        if _place(runs[k]).is_file() and len(pictures) < _MOST:
            pictures[k] = _place(runs[k]).read_bytes()
    wanted = [k for k in there if k not in pictures][: _MOST - len(pictures)]
    missing = Counter[str]()
    if len(there) > len(pictures) + len(wanted):
        missing[f"a page shows {_MOST} at the most"] = len(there) - len(pictures) - len(wanted)
    if wanted:
        studio = _Studio(time.monotonic() + seconds)
        with Progress("gallery", quiet=seconds < _LOADING).track(len(wanted), "boundaries") as tell:
            for k in wanted:
                try:
                    pictures[k] = studio.picture(runs[k])
                except _OutOfTimeError:
                    missing[_LATE if studio.loaded else _UNASKED] += 1
                except Exception as error:  # no generator here, no memory; a bug is raised
                    if (line := circumstance(error)) is None:
                        raise
                    missing[line] += 1
                tell(1)
    return Gallery({k: pictures[k] for k in sorted(pictures)}, missing)


def _place(run: Run) -> Path:
    return run.folder / f"moved-{run.key[:12]}.webp"


class _Studio:
    """Draws until it is too late; holds the networks that it has loaded."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.loaded: dict[str, LoadedGenerator] = {}

    def picture(self, run: Run) -> bytes:
        """One run's picture, which is kept."""
        boundary = Boundary.load(run.folder)
        generator = self._generator(run, boundary)
        from ifgan import chosen_faces, editing
        from ifgan.strip_render import Camera, render_strip

        editing.check(generator.network, boundary)
        finish = chosen_faces.recorded_finish(boundary.provenance, psi=generator.psi)
        strip = render_strip(
            Camera(generator.network, _SIDE, len(SEEDS), self._look_at_the_clock),
            chosen_faces.of_seeds(generator.network, SEEDS, finish),
            Course("relative", "sd", POSITIONS),
            [boundary],
            title=run.title,
        )
        picture = _sheet(strip)
        for old in run.folder.glob("moved-*.webp"):
            old.unlink()
        write_whole(_place(run), picture)
        return picture

    def _generator(self, run: Run, boundary: Boundary) -> LoadedGenerator:
        self._look_at_the_clock(needed=_LOADING)
        name, options = generator_of([run.folder], [boundary], None)
        from ifgan.interface import load_generator  # torch, only now

        known = f"{name} {sorted(options.items())}"
        if known not in self.loaded:
            self.loaded.clear()  # one at a time: they are large
            self.loaded[known] = load_generator(name, device="auto", **options)
        return self.loaded[known]

    def _look_at_the_clock(self, faces: int = 0, *, needed: float = 0.0) -> None:
        if time.monotonic() + needed > self.until:
            raise _OutOfTimeError


def _sheet(strip: Strip) -> bytes:
    """Faces as rows, positions as columns, and nothing between them."""
    from PIL import Image

    rows, columns, side = strip.frames.shape[:3]
    pitch = side + _GAP
    sheet = np.zeros((rows * pitch - _GAP, columns * pitch - _GAP, 4), np.uint8)
    for row in range(rows):
        for column in range(columns):
            cell = sheet[row * pitch :, column * pitch :][:side, :side]
            cell[..., :3], cell[..., 3] = strip.frames[row, column], 255
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()
