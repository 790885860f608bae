"""The browser that pages are opened in, and what is asked of all of them."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REQUIRED = os.environ.get("IFGAN_REQUIRE_CHROMIUM") == "1"  # set by .ci/run
if not REQUIRED:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
playwright: Any = importlib.import_module("playwright.sync_api")

#: Opens a page and returns it; see the fixture ``open_page``.
Open = Callable[..., Any]

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
NEEDS_CHROMIUM = pytest.mark.skipif(
    CHROMIUM is None and not REQUIRED, reason="no Chromium on this machine"
)


def contrast(page: Any, selector: str, colour: str | None = None) -> float:
    """WCAG 2 contrast of an element's text, or of a named colour, with the page."""
    ratio = page.evaluate(
        """([selector, colour]) => {
          const element = document.querySelector(selector);
          if (colour) element.style.color = `var(${colour})`;
          const style = getComputedStyle(element);
          const ink = element.closest('svg') ? style.fill : style.color;
          const paper = getComputedStyle(document.body).backgroundColor;
          if (colour) element.style.color = '';
          const luminance = text => {
            const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map(Number)
              .map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b;
          };
          const [low, high] = [luminance(ink), luminance(paper)].sort((a, b) => a - b);
          return (high + .05) / (low + .05);
        }""",
        [selector, colour],
    )
    return float(ratio)


def go(page: Any, file: Path) -> None:
    """Open a file; ``page.heard`` holds what went wrong, requests among it."""
    page.heard = []
    page.on("console", lambda message: page.heard.append(message.text))
    page.on("pageerror", lambda error: page.heard.append(str(error)))
    page.on("dialog", lambda dialog: (page.heard.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: page.heard.append(request.url))
    page.goto(file.as_uri())
    page.heard = [heard for heard in page.heard if not heard.startswith("data:image/")]
    page.heard.remove(file.as_uri())
