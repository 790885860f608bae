"""The page in a real browser, at a desk and on a phone, by day and by night."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from ifgan.report import LearningPoint, ReportData, render
from tests.report import samples
from tests.report.chromium import NEEDS_CHROMIUM, contrast, go

pytestmark = NEEDS_CHROMIUM

HOSTILE = "<script>alert(1)</script>"
WIDTHS = (1280, 768, 390)

Open = Callable[..., Any]


def awkward() -> ReportData:
    """Everything as long, as large and as many as it gets."""
    data = samples.binary(2000)
    return replace(
        data,
        attribute="wears_thick_framed_reading_glasses_of_the_nineteen_fifties_or_earlier",
        scores=(data.scores * 12345).astype("float32"),
        learning_curve=[LearningPoint(n, 0.99, 0.9) for n in (100_000, 250_000, 300_000, 500_000)],
        metrics={**data.metrics, "c": 1.23456789e-11, "num_samples": 123_456_789},
        provenance={"generator digest" * 5: "0123456789abcdef" * 8},
        settings={"svm": {"a" * 60: {"nested": list(range(99))}}},
        warnings=["/a/very/long/path" * 20],
    )


CASES: dict[str, Callable[[], ReportData]] = {
    "binary": samples.binary,
    "continuous": samples.continuous,
    "awkward": awkward,
    "hostile": lambda: replace(samples.binary(200), attribute=HOSTILE, warnings=[HOSTILE]),
    "bare": lambda: replace(
        samples.binary(5, faces=False), metrics={}, roc=None, learning_curve=()
    ),
}


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Open a report with all its details unfolded; ``page.heard`` holds what went wrong."""
    pages = []

    def show(
        data: ReportData, *, width: int = 1280, mode: Literal["light", "dark"] = "light"
    ) -> Any:
        file = tmp_path / "report.html"
        file.write_text(render(data), encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=mode)
        pages.append(page)
        go(page, file)
        for details in page.query_selector_all("summary"):
            details.click()
        return page

    yield show
    for page in pages:
        page.close()


@pytest.mark.parametrize("case", CASES)
def test_no_console_message_no_request_and_nothing_overflows(show: Open, case: str) -> None:
    page = show(CASES[case]())
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0)")
    assert page.heard == []


@pytest.mark.parametrize("case", ["binary", "continuous", "awkward"])
def test_no_word_of_a_figure_is_cut_off_or_under_another(show: Open, case: str) -> None:
    faults = show(CASES[case](), width=390).evaluate(
        """() => {
          const faults = [];
          for (const svg of document.querySelectorAll('figure svg')) {
            const frame = svg.getBoundingClientRect();
            const words = [...svg.querySelectorAll('text')].map(
              t => [t.textContent, t.getBoundingClientRect()]);
            for (const [text, box] of words)
              if (box.left < frame.left - 1 || box.right > frame.right + 1 ||
                  box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
                faults.push('cut off: ' + text);
            words.forEach(([text, a], i) => words.slice(i + 1).forEach(([other, b]) => {
              const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
              const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
              if (wide > 1 && high > 2) faults.push(text + ' touches ' + other);
            }));
          }
          return faults;
        }"""
    )
    assert faults == []


def test_an_attribute_named_like_a_script_is_shown_and_not_run(show: Open) -> None:
    page = show(CASES["hostile"]())
    assert page.heard == []
    assert page.inner_text("h1") == HOSTILE
    assert page.evaluate("document.scripts.length") == 0


def test_text_and_figures_follow_light_and_dark_mode_with_enoughcontrast(show: Open) -> None:
    data = samples.binary(2000)
    fills = set()
    for mode in ("light", "dark"):
        page = show(data, mode=mode)
        cell = page.locator("svg path[style*='fill: var']").first
        fills.add(cell.evaluate("element => getComputedStyle(element).fill"))
        for selector in ("body", ".seed", "figcaption", "figure text", ".kind", ".key p"):
            assert contrast(page, selector) >= 4.5, (mode, selector)
        for colour in ("--positive", "--negative", "--accent"):
            assert contrast(page, "body", colour) >= 3, (mode, colour)
    assert len(fills) == 2
