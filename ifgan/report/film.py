"""A strip as a film, there and back: GIF by Pillow, MP4 by PyAV where that is installed.

Shape legend: N faces, S steps, H pixels a side.
"""

from __future__ import annotations

import io
import math

import numpy as np
from PIL import Image, ImageDraw

from ifgan.errors import UserError
from ifgan.report import strip_words
from ifgan.report.strip_picture import (
    MUTED,
    PAPER,
    TEXT,
    arrow,
    cell_of,
    enlarged,
    fitting,
    shade,
    typeface,
)
from ifgan.strip import Strip

_LARGEST, _WIDEST = 192, 1240  # pixels of a face, of all that are side by side
_GAP, _MARGIN, _TOP, _LABEL = 6, 20, 58, 24
_NEARLY_WHITE = 248  # which Pillow's search for the nearest colour confuses with the paper
_STEP, _END = 110, 550  # milliseconds
_TICK = 55  # milliseconds of a frame of an MP4: the largest that divides both


def pictures(strip: Strip) -> list[Image.Image]:
    """All faces side by side, a picture for each of the S steps, of even sides."""
    return [_picture(strip, step) for step in range(strip.frames.shape[1])]


def there_and_back(num_steps: int) -> list[tuple[int, int]]:
    """(step, milliseconds) of a film that can be played in a loop."""
    order = [*range(num_steps), *range(num_steps - 2, 0, -1)]
    return [(step, _END if step in (0, num_steps - 1) else _STEP) for step in order]


def gif(strip: Strip) -> bytes:
    """An endless GIF; all its pictures share one palette, so that nothing flickers."""
    shown = pictures(strip)
    sheet = Image.fromarray(np.concatenate([np.asarray(picture) for picture in shown]))
    common = sheet.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    colours = np.array(common.getpalette()).reshape(-1, 3)
    colours[(colours >= _NEARLY_WHITE).all(axis=1)] = PAPER
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.flatten().tolist())
    reduced = [p.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for p in shown]
    order = there_and_back(len(shown))
    first, *others = (reduced[step] for step, _ in order)
    file = io.BytesIO()
    durations = [duration for _, duration in order]
    first.save(
        file, "GIF", save_all=True, append_images=others, duration=durations, loop=0, optimize=False
    )
    return file.getvalue()


def require_encoder() -> None:
    """Refuse an MP4 where nothing here can write one.

    Raises
    ------
    UserError
        If PyAV is not installed.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise UserError(
            "mp4=true needs PyAV, which is not installed: pip install av. Or leave it out: the GIF "
            "shows the same."
        ) from None


def mp4(strip: Strip) -> bytes:
    """An H.264 film, which every browser and editor plays."""
    from fractions import Fraction

    import av

    shown = [np.asarray(picture) for picture in pictures(strip)]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(1000, _TICK))
        stream.height, stream.width = shown[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18"}
        stream.codec_context.thread_count = 1  # the same bytes on any number of cores
        for step, duration in there_and_back(len(shown)):
            for _ in range(duration // _TICK):
                frame = av.VideoFrame.from_ndarray(shown[step], format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _picture(strip: Strip, step: int) -> Image.Image:
    """One step of all faces."""
    num_faces = len(strip.faces)
    rows = max(1, math.floor(math.sqrt(num_faces / 1.5)))
    columns = -(-num_faces // rows)
    cell = min(cell_of(strip.frames.shape[2]), _LARGEST, _WIDEST // columns - _GAP)
    height = _TOP + rows * (cell + _LABEL + _GAP) + 62
    right = max(_MARGIN + columns * (cell + _GAP) - _GAP, 420)
    page = Image.new("RGB", (_even(right + _MARGIN), _even(height)), PAPER)
    draw = ImageDraw.Draw(page)
    position = strip_words.position(strip, step)
    draw.text((right, 38), position, TEXT, typeface(20, bold=True), anchor="rs")
    title = fitting(strip.title, typeface(20, bold=True), right - _MARGIN - 110)
    draw.text((_MARGIN, 38), title, TEXT, typeface(20, bold=True), anchor="ls")
    for k, name in enumerate(strip.faces):
        row, column = divmod(k, columns)
        left, top = _MARGIN + column * (cell + _GAP), _TOP + row * (cell + _LABEL + _GAP)
        page.paste(enlarged(strip.frames[k, step], cell), (left, top))
        label = fitting(name, typeface(13), cell)
        draw.text((left + cell / 2, top + cell + 16), label, MUTED, typeface(13), anchor="ms")
    _axis(page, strip, step, left=_MARGIN, right=right, level=height - 46)
    return page


def _axis(page: Image.Image, strip: Strip, step: int, *, left: int, right: int, level: int) -> None:
    """The way from the first step to the last, and a dot where this one is."""
    arrow(page, strip, left=left, right=right, level=level)
    low, *_, high = strip.course.positions
    share = (strip.course.positions[step] - low) / (high - low)
    x = left + 9 + round(share * (right - left - 32))
    disc = Image.new("L", (80, 80))  # painted larger, for smooth edges
    for radius, colour in ((40, PAPER), (30, shade(share))):
        ImageDraw.Draw(disc).circle((40, 40), radius, fill=255)
        small = disc.resize((20, 20), Image.Resampling.LANCZOS)
        page.paste(colour, (x - 10, level - 10), small)
        disc.paste(0, (0, 0, 80, 80))


def _even(pixels: int) -> int:
    """H.264 takes even sides only."""
    return pixels + pixels % 2
