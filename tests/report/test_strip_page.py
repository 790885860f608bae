"""The page of edited faces in a real browser: by keyboard, at a desk and on a phone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ifgan.report.strip_page import render_strips
from ifgan.strip import Course, Strip
from tests.report.chromium import NEEDS_CHROMIUM, Open, contrast

pytestmark = NEEDS_CHROMIUM

HOSTILE = "<script>alert(1)</script>"
WIDTHS = (1280, 768, 390)


def strip(
    title: str = "age | eyeglasses",
    *,
    faces: tuple[str, ...] = ("seed 3", "seed 4", "seed 9"),
    mode: str = "relative",
    steps: int = 5,
) -> Strip:
    """Grey faces, the lighter the farther they have moved."""
    course = Course.over((-2.0, 2.0), steps, mode=mode, unit="sd")
    count = len(faces)
    before = np.linspace(-0.9, 0.7, count)
    positions = np.array(course.positions)
    at = before[:, None] + positions if mode == "relative" else np.tile(positions, (count, 1))
    frames = np.empty((count, steps, 64, 64, 3), np.uint8)
    frames[:] = np.linspace(0, 250, steps)[:, None, None, None]
    unedited = np.full((count, 64, 64, 3), 125, np.uint8)
    return Strip(title, ("age",), "w", course, faces, frames, unedited, before, at)


@pytest.fixture
def show(open_page: Open) -> Open:
    """Open the page of some strips."""
    return lambda *strips, **options: open_page(render_strips(strips), **options)


def told(page: Any, face: int) -> tuple[str, str, str]:
    """What a face shows: the alternative of its picture, its value, its distance."""
    card = page.locator(".faces > li").nth(face)
    [shown] = [i for i in card.locator(".frames img").all() if i.is_visible()]
    return (
        shown.get_attribute("alt"),
        card.locator("output").inner_text(),
        card.locator(".distance").inner_text(),
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_keyboard_alone_moves_every_face(show: Open, width: int) -> None:
    page = show(strip(), width=width)
    start = ("seed 4, age | eyeglasses: 0 σ", "0 σ", "distance −0.1 σ")
    assert told(page, 1) == start
    page.keyboard.press("Tab")  # all faces
    focused = page.evaluate("document.activeElement.id")
    assert focused == "strip-0-all"
    page.keyboard.press("ArrowRight")
    assert [told(page, k)[1] for k in range(3)] == ["+1 σ"] * 3
    for _ in range(3):  # the button, the first face, the second
        page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert told(page, 1) == (
        "seed 4, age | eyeglasses: +2 σ",
        "+2 σ",
        "distance −0.1 σ → +1.9 σ",
    )
    slider = page.get_by_role("slider", name="seed 4")
    assert slider.get_attribute("aria-valuetext") == "+2 σ"
    assert told(page, 0)[1] == "+1 σ"
    page.get_by_role("button", name="reset").focus()
    page.keyboard.press("Enter")
    assert told(page, 1) == start and told(page, 0)[1] == "0 σ"
    assert page.heard == []


def test_a_slider_shows_one_frame_and_moves_nothing_else(show: Open) -> None:
    page = show(strip())
    boxes = page.locator(".faces > li").all()
    before = [box.bounding_box() for box in boxes]
    page.get_by_role("slider", name="seed 3").fill("4")
    assert told(page, 0)[1] == "+2 σ" and told(page, 2)[1] == "0 σ"
    assert [box.bounding_box() for box in boxes] == before


def test_distances_begin_where_each_face_is(show: Open) -> None:
    page = show(strip(mode="absolute"))
    assert [told(page, k)[1:] for k in range(3)] == [
        ("−1 σ", "unedited at −0.9 σ"),
        ("0 σ", "unedited at −0.1 σ"),
        ("+1 σ", "unedited at +0.7 σ"),
    ]


def test_no_console_message_no_request_and_nothing_overflows(show: Open) -> None:
    long = "a_very_long_name_of_a_photograph_that_nobody_would_ever_type_in_full_again.final"
    page = show(strip(), strip("wears_thick_framed_reading_glasses_of_the_fifties", faces=(long,)))
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0 && i.alt)")
    assert page.heard == []


def test_a_name_like_a_script_is_shown_and_not_run(show: Open) -> None:
    page = show(strip(HOSTILE, faces=(HOSTILE,)))
    assert page.inner_text("h1") == HOSTILE and page.inner_text(".told label") == HOSTILE
    assert page.evaluate("document.scripts.length") == 1
    page.get_by_role("slider", name=HOSTILE).fill("4")
    assert told(page, 0)[1] == "+2 σ" and page.heard == []


def test_without_scripts_all_frames_are_there_side_by_side(show: Open) -> None:
    page = show(strip(), width=390, script=False)
    frames = page.locator(".faces > li").first.locator(".frames img")
    assert [frame.is_visible() for frame in frames.all()] == [True] * 5
    assert not page.locator("input").first.is_visible()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_has_enough_contrast(show: Open, mode: str) -> None:
    page = show(strip(), mode=mode)
    for selector in ("body", ".caption", ".distance", ".ends .low", ".ends .high", "button"):
        assert contrast(page, selector) >= 4.5, selector


def test_the_page_is_the_same_to_the_byte() -> None:
    assert render_strips([strip()]) == render_strips([strip()])
