"""The page of runs side by side in a real browser: by keyboard, narrow and wide, light and dark."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ifgan.comparison.page import page_of
from ifgan.comparison.runs import Run, read_runs
from ifgan.report.compare_page import ComparePage, render_compare
from tests.compared import sweep
from tests.report.chromium import NEEDS_CHROMIUM, Open, contrast

pytestmark = NEEDS_CHROMIUM

HOSTILE = "</script><script>alert(1)</script>"
WIDTHS = (1280, 768, 390)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Ten runs, one of them failed and two with pictures."""
    folder = sweep(tmp_path_factory.mktemp("ten") / "sweep", failed=[3])
    found = read_runs([folder])
    for run in found[:2]:
        buffer = io.BytesIO()
        Image.new("RGB", (488, 390), "grey").save(buffer, "WEBP")
        (run.folder / f"moved-{run.key[:12]}.webp").write_bytes(buffer.getvalue())
    return found


@pytest.fixture(scope="module")
def ten(runs: list[Run]) -> ComparePage:
    return page_of(runs, runs[0].folder.parent, seconds=0)


@pytest.fixture
def show(open_page: Open) -> Open:
    """Open a page of runs side by side."""
    return lambda data, **options: open_page(render_compare(data), height=900, **options)


def names(page: Any) -> list[str]:
    """The runs of the table that are there, in its order."""
    rows = page.locator("#runs tbody tr:not(.off) th").all()
    return [row.inner_text() for row in rows]


def looked_at(page: Any) -> list[int]:
    """How many lines, marks and curves stand out."""
    return [page.locator(f"{chart} .hot").count() for chart in ("#axes", "#scatter", "#curves")]


def test_rows_are_walked_through_and_taken_by_keyboard(show: Open, ten: ComparePage) -> None:
    page = show(ten)
    page.locator("#runs tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.dataset.run") == "1"
    assert looked_at(page) == [1, 1, 0]  # its curve is of the other quality
    page.keyboard.press("Home")
    assert looked_at(page) == [1, 1, 1]
    for key in ("Enter", "End", "Enter"):
        page.keyboard.press(key)
    assert page.locator("#two thead th").all_inner_texts() == ["smile-0", "beard-9"]
    told = page.locator("#two tbody").inner_text()
    assert "linear\tinterfacegan" in told and "smile\tbeard" in told
    assert "2 settings differ" in page.locator("#two-note").inner_text()
    assert page.heard == []


@pytest.mark.parametrize("width", [1280, 390])
def test_filters_work_by_keyboard_and_everywhere(show: Open, ten: ComparePage, width: int) -> None:
    page = show(ten, width=width)
    page.get_by_role("checkbox", name="interfacegan").focus()
    page.keyboard.press("Space")
    assert names(page) == ["smile-0", "age-1", "eyeglasses-2", "pose-3", "beard-4"]
    assert page.locator("#count").inner_text() == "5 of 10 runs"
    least = page.get_by_role("slider", name="AUROC, least")
    least.focus()
    page.keyboard.press("End")  # only the best is left, and none that has no value
    assert names(page) == [] and page.locator("#axes path:not(.off)").count() == 0
    page.keyboard.press("Home")
    assert least.get_attribute("aria-valuetext") == "0.88"
    assert len(names(page)) == 5
    page.get_by_role("button", name="show all").focus()
    page.keyboard.press("Enter")
    assert len(names(page)) == 10 and page.locator("#matrix tbody tr").count() == 9
    assert page.heard == []


def test_headings_sort_by_keyboard_and_failed_runs_come_last(show: Open, ten: ComparePage) -> None:
    page = show(ten)
    aurocs = page.locator("#runs tbody tr td:nth-child(4)")
    page.get_by_role("button", name="AUROC", exact=True).focus()
    for expected in (lambda values: sorted(values, reverse=True), sorted):
        page.keyboard.press("Enter")
        found = [float(cell.split()[0]) for cell in aurocs.all_inner_texts()[:-1]]
        assert found == expected(found) and names(page)[-1] == "pose-3"


def test_axes_and_colours_are_chosen(show: Open, ten: ComparePage) -> None:
    page = show(ten)
    scatter = page.locator("#scatter")
    assert "AUROC against error of the direction, 9 runs" in scatter.get_attribute("aria-label")
    page.get_by_label("across").select_option(label="cosine to the truth")
    assert "AUROC against cosine to the truth, 9" in scatter.get_attribute("aria-label")
    assert page.locator("#legend li").all_inner_texts() == [
        "smile", "age", "eyeglasses", "pose", "beard",
    ]  # fmt: skip
    page.get_by_label("colour", exact=True).select_option(label="method")
    assert page.locator("#legend li").all_inner_texts() == ["linear", "interfacegan"]
    shapes = scatter.locator(".shape").evaluate_all(
        'all => new Set(all.map(a => a.outerHTML.match(/ d=.[^"]+/)[0])).size'
    )
    assert shapes == 2  # not by colour alone
    assert page.locator("#cosines td[title]").count() > 0  # neither knows its Σ n
    page.get_by_label("cosine", exact=True).select_option(label="of the normals as such")
    assert page.locator("#cosines td[title]").count() == 0
    assert page.heard == []


def test_no_console_message_no_request_and_nothing_overflows(show: Open, ten: ComparePage) -> None:
    page = show(ten)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("[...document.images].every(i => i.naturalWidth > 0 && i.alt)")
        assert page.locator("#scatter").evaluate("s => s.viewBox.baseVal.width") < width
    assert page.heard == []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_colours_have_enough_contrast(show: Open, ten: ComparePage, mode: str) -> None:
    page = show(ten, mode=mode)
    for selector in (".kind", ".note", ".ticks span", "#scatter text", "#runs small", ".legend li"):
        assert contrast(page, selector) >= 4.5, selector
    for number in range(7):
        assert contrast(page, "body", f"--c{number}") >= 3, number


def test_without_scripts_the_table_and_the_faces_are_there(show: Open, ten: ComparePage) -> None:
    page = show(ten, width=390, script=False)
    assert len(names(page)) == 10
    assert page.locator(".pictures img").first.is_visible()
    assert not page.locator("#axes").is_visible() and "does not run here" in page.inner_text("main")


def test_a_name_like_a_script_is_shown_and_not_run(show: Open, tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 4)
    file = folder / "smile-0" / "run.json"
    file.write_text(file.read_text().replace('"linear"', f'"{HOSTILE}"'))
    page = show(page_of(read_runs([folder]), folder, seconds=0))
    assert page.evaluate("document.scripts.length") == 2
    assert HOSTILE[:25] in page.inner_text("#runs") and page.heard == []


def test_five_hundred_runs_open_in_two_seconds(show: Open, tmp_path: Path) -> None:
    folder = sweep(tmp_path / "sweep", 500, failed=[3, 77])
    page = show(page_of(read_runs([folder]), folder, seconds=0))
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.wait_for_function("document.querySelectorAll('#curves .curve').length > 100")
    found = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    assert found["ProcessTime"] < 2  # of the processor; others' load hardly changes it
    assert page.locator("#matrix tbody tr").count() == 24
    assert page.locator("#axes path").count() == 500
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.heard == []


def test_the_page_is_the_same_to_the_byte(runs: list[Run], ten: ComparePage) -> None:
    again = page_of(runs, runs[0].folder.parent, seconds=0)
    assert render_compare(again) == render_compare(ten)
