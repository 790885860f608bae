"""The way back from a GPU, on a made-up one: order, bits, bounds, and errors that surface."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ifgan.artifacts import read_shard
from ifgan.blocks import Blocks, Span
from ifgan.runtime import Runtime
from ifgan.steps import rendering, returning
from ifgan.steps.returning import Copy, CudaCopier, HostCopier, Returning, copier
from ifgan.toyfaces import ToyFaces
from tests.generators import reference
from tests.generators import test_stylegan2 as stylegan2
from tests.planted import TOYFACES


class Device:
    """A device that is ``behind`` batches late, unless the host waits for it."""

    def __init__(self, *, behind: int, fails_at: int | None = None) -> None:
        self.behind = behind
        self.fails_at = fails_at
        self.started = 0
        self.handed = 0
        self.most = 0
        self.waited = 0

    def start(self, tensors: Sequence[Tensor]) -> Copy:
        number, self.started = self.started, self.started + 1
        self.most = max(self.most, self.started - self.handed)
        return Late(self, number, tensors)


class Late:
    def __init__(self, device: Device, number: int, tensors: Sequence[Tensor]) -> None:
        self.device, self.number, self.tensors = device, number, tensors

    def arrived(self) -> bool:
        return self.number + self.device.behind < self.device.started

    def wait(self) -> Sequence[Tensor]:
        if self.number == self.device.fails_at:
            raise RuntimeError("an illegal memory access was encountered")
        self.device.waited += not self.arrived()
        self.device.handed += 1
        return [tensor.clone() for tensor in self.tensors]


def batches(count: int) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
    for i in range(count):
        yield i, (torch.full((3,), float(i)), torch.full((2, 2), i, dtype=torch.uint8))


@pytest.mark.parametrize("ahead", [1, 2, 4])
@pytest.mark.parametrize("behind", [0, 1, 2, 7])
@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_batches_come_back_in_order_with_their_own_bits(
    count: int, behind: int, ahead: int
) -> None:
    returned = Returning[int](Device(behind=behind), ahead=ahead).through(batches(count))
    found = [(tag, [tensor.tolist() for tensor in tensors]) for tag, tensors in returned]
    assert found == [(i, [[float(i)] * 3, [[i, i]] * 2]) for i in range(count)]


@pytest.mark.parametrize(("behind", "most"), [(0, 1), (1, 2), (2, 3), (7, 3)])
def test_no_more_are_on_their_way_than_the_device_is_late_nor_than_allowed(
    behind: int, most: int
) -> None:
    device = Device(behind=behind)
    list(Returning[int](device, ahead=2).through(batches(20)))
    assert device.most == most


def test_host_waits_only_when_other_batches_are_queued() -> None:
    device = Device(behind=1)
    returned = Returning[int](device, ahead=2).through(batches(10))
    list(itertools.islice(returned, 9))
    assert device.waited == 0  # each had arrived when the one after it was under way
    list(returned)
    assert device.waited == 1  # nothing comes after the last


def test_error_of_the_device_is_raised_where_its_batch_would_have_come() -> None:
    returned = Returning[int](Device(behind=2, fails_at=3)).through(batches(9))
    assert [tag for tag, _ in itertools.islice(returned, 3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match="illegal memory access"):
        next(returned)


def test_error_of_the_rendering_is_raised() -> None:
    def failing() -> Iterator[tuple[int, tuple[Tensor, ...]]]:
        yield from batches(2)
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        list(Returning[int](Device(behind=1)).through(failing()))


def test_nothing_is_copied_on_a_cpu() -> None:
    tensor = torch.zeros(3)
    [(_, [same])] = Returning[int](copier(torch.device("cpu"))).through([(0, [tensor])])
    assert same is tensor


class Recorded:
    """Stands for streams and events; writes down what is asked of them."""

    def __init__(self, name: str, calls: list[str]) -> None:
        self.name, self.calls = name, calls

    def record_event(self) -> Recorded:
        self.calls.append(f"record on {self.name}")
        return Recorded(f"event of {self.name}", self.calls)

    def wait_event(self, event: Recorded) -> None:
        self.calls.append(f"{self.name} waits for {event.name}")

    def synchronize(self) -> None:
        self.calls.append(f"host waits for {self.name}")

    def query(self) -> bool:
        return False


def test_copies_begin_after_the_computation_and_are_read_after_their_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    empty = torch.empty

    def pinned(*shape: object, pin_memory: bool, **options: object) -> Tensor:
        assert pin_memory
        return empty(*shape, **options)  # type: ignore[no-any-return, call-overload]

    @contextlib.contextmanager
    def entered(stream: Recorded) -> Iterator[None]:
        calls.append(f"enter {stream.name}")
        yield

    monkeypatch.setattr(torch.cuda, "Stream", lambda _: Recorded("side", calls))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: Recorded("main", calls))
    monkeypatch.setattr(torch.cuda, "stream", entered)
    monkeypatch.setattr(torch, "empty", pinned)
    monkeypatch.setattr(
        Tensor, "record_stream", lambda _, stream: calls.append(f"kept for {stream.name}")
    )
    copy = CudaCopier(torch.device("cuda", 0)).start([torch.arange(3), torch.ones(2, 2).T])
    assert not copy.arrived()
    assert calls == [
        *("record on main", "side waits for event of main", "enter side"),
        *("kept for side", "kept for side", "record on side"),
    ]
    assert [tensor.tolist() for tensor in copy.wait()] == [[0, 1, 2], [[1, 1], [1, 1]]]
    assert calls[-1] == "host waits for event of side"


class Uploads(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is copied from the host to another device; such copies make a GPU's host wait."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shapes: list[tuple[int, ...]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        result = func(*args, **(kwargs or {}))
        given = [arg for arg in args if isinstance(arg, Tensor) and arg.device.type == "cpu"]
        if isinstance(result, Tensor) and result.device.type != "cpu":
            self.shapes += [tuple(arg.shape) for arg in given if arg.ndim]
        return result


@pytest.mark.parametrize("mixing", [False, True])
@pytest.mark.parametrize(
    "name", ["stylegan3_t_32", "stylegan3_r_32", "stylegan3_t_cond_64", "stylegan2_32"]
)
def test_rendering_reads_nothing_from_its_device(name: str, mixing: bool) -> None:
    """On torch's "meta" device, which has nothing to read: where a GPU would wait, it raises."""
    load = stylegan2.load if name.startswith("stylegan2") else reference.load
    generator: Any = load(name).generator()
    generator.class_label = 1 if generator.c_dim else None
    generator.network.to("meta")
    generator.w_avg = generator.network.mapping.w_avg
    settings = dataclasses.replace(
        TOYFACES, truncation_psi=0.7, truncation_cutoff=4, image_size=16, mixing=mixing
    )
    rendering._render(generator, settings, range(3))  # what is copied once
    with Uploads() as uploads:
        w, pixels = rendering._render(generator, settings, range(3))
    assert w.is_meta and pixels.is_meta and pixels.shape == (3, 16, 16, 3)
    groups = w.shape[1] if mixing else 1
    assert uploads.shapes == [(3, generator.z_dim)] * groups  # pinned, on a GPU: see ``upload``


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_back_what_it_was_given() -> None:
    device = torch.device("cuda", 0)
    sent = [(i, (torch.full((64, 64), i, device=device),)) for i in range(20)]
    for tag, (tensor,) in Returning[int](copier(device)).through(sent):
        assert tensor.is_pinned() and (tensor == tag).all()


def _files(blocks: Blocks) -> dict[str, bytes]:
    return {
        name: data for _, path in blocks.finished() for name, data in read_shard(path / "faces.tar")
    }


def _render(
    folder: Path, *, num_samples: int = 150, batch_size: int = 16, **device: int
) -> tuple[Blocks, list[int]]:
    blocks = Blocks(folder / "family")
    advanced: list[int] = []
    settings = dataclasses.replace(TOYFACES, num_samples=num_samples)
    runtime = Runtime(folder, folder, device="cpu", batch_size=batch_size)
    made: list[Device] = []

    def make(_: torch.device) -> returning.Copier:
        if not device:
            return HostCopier()
        made.append(Device(**device))
        return made[-1]

    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(rendering, "copier", make)
        spans = blocks.missing(Span(0, num_samples))
        rendering.render_spans(ToyFaces(), settings, blocks, spans, runtime, advanced.append)
    return blocks, advanced


@pytest.mark.parametrize("behind", [1, 5])
def test_late_batches_make_the_same_blocks(tmp_path: Path, behind: int) -> None:
    at_once, _ = _render(tmp_path / "at once")
    late, advanced = _render(tmp_path / "late", behind=behind)
    assert [span for span, _ in late.finished()] == [Span(0, 150)]
    assert _files(late) == _files(at_once)
    assert sum(advanced) == 150
    [(_, one)], [(_, other)] = late.finished(), at_once.finished()
    np.testing.assert_array_equal(np.load(one / "w.npy"), np.load(other / "w.npy"))


def test_device_that_fails_leaves_the_finished_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "_BLOCK_SECONDS", 0.0)  # every batch is a block
    with pytest.raises(RuntimeError, match="illegal memory access"):
        _render(tmp_path, behind=1, fails_at=4)
    kept = [span for span, _ in Blocks(tmp_path / "family").finished()]
    assert kept and kept == [Span(16 * i, 16 * i + 16) for i in range(len(kept))]
    assert len(kept) <= 4
    assert not [*(tmp_path / "family").glob(".making-*")]


def test_failing_encoder_and_full_disk_surface(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rendering, "_encode", full)
        with pytest.raises(OSError, match="No space"):
            _render(tmp_path / "encode")
    with monkeypatch.context() as patch:
        patch.setattr(rendering, "write_shard", full)
        with pytest.raises(OSError, match="No space"):
            _render(tmp_path / "write")
    assert not Blocks(tmp_path / "write" / "family").finished()


def test_rendering_waits_for_encoders_that_fall_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, encode, advanced = threading.Event(), rendering._encode, []

    def slow(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
        assert gate.wait(60)
        return encode(pixels)

    def advance(count: int) -> None:
        advanced.append(count)
        if len(advanced) == rendering._UNENCODED:
            threading.Timer(0.3, look_and_open).start()

    def look_and_open() -> None:
        seen.append(len(advanced))
        gate.set()

    seen: list[int] = []
    monkeypatch.setattr(rendering, "_encode", slow)
    rendering.render_spans(
        ToyFaces(),
        dataclasses.replace(TOYFACES, num_samples=160),
        Blocks(tmp_path / "family"),
        [Span(0, 160)],
        Runtime(tmp_path, tmp_path, device="cpu", batch_size=16),
        advance,
    )
    assert seen == [rendering._UNENCODED]
    assert len(advanced) == 10
