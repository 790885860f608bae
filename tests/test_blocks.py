"""Blocks of seeds: what is finished is never made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ifgan.blocks import Blocks, Span, cut


@pytest.fixture
def blocks(tmp_path: Path) -> Blocks:
    return Blocks(tmp_path / "family")


def _finish(blocks: Blocks, first: int, stop: int) -> None:
    with blocks.write(first) as writing:
        (writing.path / "content").write_text(f"{first}-{stop}")
        writing.stop = stop


def test_spans_are_cut_at_multiples_of_a_block() -> None:
    assert cut(Span(0, 2500)) == [Span(0, 1000), Span(1000, 2000), Span(2000, 2500)]
    assert cut(Span(990, 1010)) == [Span(990, 1000), Span(1000, 1010)]
    assert cut(Span(5, 5)) == []


def test_missing_is_what_no_block_covers(blocks: Blocks) -> None:
    _finish(blocks, 0, 1000)
    _finish(blocks, 1500, 1700)
    assert blocks.missing(Span(0, 2200)) == [Span(1000, 1500), Span(1700, 2000), Span(2000, 2200)]
    assert blocks.missing(Span(100, 900)) == []


def test_cover_takes_parts_of_overlapping_blocks_once(blocks: Blocks) -> None:
    _finish(blocks, 0, 400)
    _finish(blocks, 0, 100)
    _finish(blocks, 300, 600)
    parts = [(span, path.name) for span, path in blocks.cover(Span(50, 500))]
    assert parts == [(Span(50, 400), "0-400"), (Span(400, 500), "300-600")]


def test_a_block_appears_whole_or_not_at_all(blocks: Blocks) -> None:
    with pytest.raises(KeyboardInterrupt), blocks.write(0) as writing:
        (writing.path / "content").write_text("half")
        writing.stop = 500
        raise KeyboardInterrupt
    assert blocks.finished() == []
    assert [*blocks.root.iterdir()] == []


def test_what_a_killed_run_left_is_swept_away(blocks: Blocks) -> None:
    (blocks.root / ".making-abandoned").mkdir()
    with blocks.lock():
        assert not (blocks.root / ".making-abandoned").exists()


def test_parts_of_a_longer_block_are_dropped_and_neighbours_kept(blocks: Blocks) -> None:
    for first, stop in ((0, 400), (400, 1000), (0, 1000), (1000, 1200)):
        _finish(blocks, first, stop)
    blocks.drop_parts(Span(0, 1000))
    assert [span for span, _ in blocks.finished()] == [Span(0, 1000), Span(1000, 1200)]
