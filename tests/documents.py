"""The documentation as tests read it: pages, their links, commands, files and error messages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.conftest import CHECKOUT

Command = tuple[str, ...]

#: What a page names before the block that is to be written into it.
_FILE = re.compile(r"`((?:conf\.local/)?[\w/]+\.(?:yaml|py))`")


@dataclass(frozen=True)
class Block:
    """A fenced block, its language, and what stands between it and the block before."""

    language: str
    text: str
    before: str

    @property
    def commands(self) -> list[Command]:
        """Its lines as words, of a shell block."""
        lines = self.text.replace("\\\n", " ").splitlines() if self.language == "bash" else []
        return [tuple(words) for line in lines if (words := shlex.split(line, comments=True))]

    @property
    def file(self) -> str | None:
        """The file that the text before says to write it into."""
        named = _FILE.findall(self.before)
        return named[-1] if named and self.language in ("yaml", "python") else None


@dataclass(frozen=True)
class Page:
    """A page by its path from the checkout."""

    path: str

    @cached_property
    def text(self) -> str:
        return (CHECKOUT / self.path).read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        parts = re.split(r"^ *```(\w*)\n(.*?)^ *```$", self.text, flags=re.DOTALL | re.MULTILINE)
        return [
            Block(language, text, before)
            for before, language, text in zip(parts[::3], parts[1::3], parts[2::3], strict=False)
        ]

    @property
    def prose(self) -> str:
        """Without blocks and comments."""
        return re.sub(r"^ *```.*?^ *```$|<!--.*?-->", "", self.text, flags=re.DOTALL | re.MULTILINE)

    @property
    def links(self) -> Iterator[tuple[str, str]]:
        """Path and anchor of every relative link and picture."""
        for target in re.findall(r"\]\(([^)\s]+)\)", self.prose):
            if "://" not in target:
                place, _, anchor = target.partition("#")
                yield place, anchor

    @property
    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        found: set[str] = set()
        for heading in re.findall(r"^#+ (.*)$", self.prose, flags=re.MULTILINE):
            words = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
            anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found.add(anchor if anchor not in found else f"{anchor}-1")
        return found

    @property
    def commands(self) -> list[Command]:
        return [command for block in self.blocks for command in block.commands]

    @property
    def refusals(self) -> Iterator[tuple[Command | None, str]]:
        """Error messages, each with the command before it that is said to cause it."""
        for place, block in enumerate(self.blocks):
            if block.language == "text" and block.text.startswith("error: "):
                cause = self.blocks[place - 1]
                caused = cause.language == "bash" and not block.before.strip()
                yield (cause.commands[-1] if caused else None), block.text.strip()


def pages() -> list[Page]:
    """All pages of the project."""
    tops = [CHECKOUT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    files: list[Path] = [*tops, *sorted((CHECKOUT / "docs").rglob("*.md"))]
    return [Page(str(file.relative_to(CHECKOUT))) for file in files]


def pattern(message: str) -> re.Pattern[str]:
    """What a documented message stands for, where … is anything."""
    return re.compile(".*".join(map(re.escape, message.split("…"))), flags=re.DOTALL)
