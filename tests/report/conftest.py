"""One browser for the pages of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.report.chromium import CHROMIUM, playwright

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Open a page from its text; ``page.heard`` holds what went wrong."""
    from tests.report.chromium import go

    contexts = []

    def open_page(
        text: str,
        *,
        width: int = 1280,
        height: int = 800,
        mode: Literal["light", "dark"] = "light",
        script: bool = True,
    ) -> Any:
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=mode,
            java_script_enabled=script,
        )
        contexts.append(context)
        page = context.new_page()
        go(page, file)
        return page

    yield open_page
    for context in contexts:
        context.close()
