"""How fast StyleGAN3 renders here, against the literal form of its filters.

Weights are random, since speed does not depend on them. All forms share them, and are timed in
turn in one process, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ifgan.benchmark import literal
from ifgan.benchmark.fitting import peak_gib
from ifgan.devices import device_class, resolve
from ifgan.errors import UserError
from ifgan.generators import activation
from ifgan.generators.activation import FilteredLrelu
from ifgan.generators.convolution import ModulatedConv, grouped_conv, modulated_conv
from ifgan.generators.filters import Activation
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.network import together
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network, random_weights
from ifgan.specs import PRECISIONS

_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Seconds:
    """What one image took: by the clock, of all processors, and by the clock in its parts."""

    total: float
    cpu: float
    convolutions: float
    filters: float

    @property
    def rest(self) -> float:
        """Styles, the modulation of weights, the first sinusoids."""
        return self.total - self.convolutions - self.filters


class Clock:
    """Seconds of named parts, by the device's own clock: no part waits to be measured."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._parts: dict[str, list[tuple[Any, Any]]] = {}

    @contextlib.contextmanager
    def measures(self, part: str) -> Iterator[None]:
        """What is done in this block."""
        start = self._now()
        yield
        self._parts.setdefault(part, []).append((start, self._now()))

    def _now(self) -> Any:
        if self._device.type == "cpu":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record(torch.cuda.current_stream(self._device))
        return event

    def read(self) -> dict[str, float]:
        """Seconds of every part, when all is done."""
        if self._device.type == "cpu":
            return {part: sum(b - a for a, b in pairs) for part, pairs in self._parts.items()}
        torch.cuda.synchronize(self._device)
        return {
            part: sum(a.elapsed_time(b) for a, b in pairs) / 1e3
            for part, pairs in self._parts.items()
        }


@dataclass
class Timed:
    """One form of a layer's two halves, and what each of its images took."""

    name: str
    convolve: ModulatedConv
    filtered: FilteredLrelu
    taken: list[Seconds] = field(default_factory=list)
    image: Tensor | None = None

    @property
    def best(self) -> Seconds:
        """The quickest image."""
        return min(self.taken, key=lambda seconds: seconds.total)

    def render(self, generator: StyleGAN3, w_NRD: Tensor) -> None:
        """Render images together; keep the times of one."""
        clock = Clock(w_NRD.device)

        def convolve(
            x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int
        ) -> Tensor:
            with clock.measures("convolutions"):
                return self.convolve(x_NIHW, weight_NOIKK, bias_O, padding=padding)

        def filtered(x_NCHW: Tensor, act: Activation) -> Tensor:
            with clock.measures("filters"):
                return self.filtered(x_NCHW, act)

        synthesis = generator.network.synthesis
        synthesis.filtered = filtered
        for layer in synthesis.layers:
            layer.convolve = convolve
        cpu = time.process_time()
        with clock.measures("total"):
            self.image = generator.synthesis(w_NRD)
        found = {name: seconds / len(w_NRD) for name, seconds in clock.read().items()}
        self.taken.append(Seconds(cpu=(time.process_time() - cpu) / len(w_NRD), **found))


def settings_of(arguments: argparse.Namespace) -> StyleGAN3Settings:
    """The network that the command line asks for; config R as in the published files."""
    is_r = arguments.config == "R"
    return StyleGAN3Settings(
        img_resolution=arguments.resolution,
        channel_base=arguments.channel_base * (2 if is_r else 1),
        channel_max=arguments.channel_max * (2 if is_r else 1),
        conv_kernel=1 if is_r else 3,
        use_radial_filters=is_r,
    )


def measure(
    settings: StyleGAN3Settings,
    *,
    repeats: int,
    device: torch.device = _CPU,
    batch: int = 1,
    precision: str = "float32",
) -> tuple[list[Timed], float]:
    """Render ``batch`` images ``repeats`` times in every form, in turn, after a warm-up.

    Returns
    -------
    The forms, the literal one first; the peak memory in GiB after the last one's first images, of
    the process or the GPU.
    """
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(0))
    generator = StyleGAN3(network.to(device), digest="random", precision=precision)
    w_NRD = generator.mapping(torch.ones(batch, settings.z_dim))
    forms = [
        Timed("literal", grouped_conv, _in_float32(literal.filtered_lrelu)),
        Timed("torch passes", grouped_conv, _in_float32(activation.filtered_lrelu_torch)),
    ]
    ours = activation.implementation(device)
    if ours != "torch":
        forms.append(Timed(f"{ours} kernels", modulated_conv, activation.filtered_lrelu))
    forms[-1].render(generator, w_NRD)
    peak = peak_gib()
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 2**30
    for _ in range(repeats + 1):
        for form in forms:
            form.render(generator, w_NRD)
    for form in forms:
        form.taken = form.taken[-repeats:]
    return forms, peak


def _in_float32(filtered: FilteredLrelu) -> FilteredLrelu:
    return lambda x_NCHW, act: filtered(x_NCHW.float(), act)


def table(forms: list[Timed]) -> str:
    """One line per form: its quickest image in milliseconds, the ratio, and the error."""
    baseline = forms[0]
    assert baseline.image is not None
    scale = baseline.image.abs().max()
    columns = ("ms/image", "convolve", "filter", "rest", "of CPUs")
    lines = [f"{'form':14}" + "".join(f"{c:>10}" for c in columns) + f"{'ratio':>8}{'error':>10}"]
    for form in forms:
        assert form.image is not None
        best = form.best
        times = (best.total, best.convolutions, best.filters, best.rest, best.cpu)
        error = float((form.image - baseline.image).abs().max() / scale)
        lines.append(
            f"{form.name:14}"
            + "".join(f"{seconds * 1e3:10.0f}" for seconds in times)
            + f"{baseline.best.total / best.total:7.1f}x{error:10.1e}"
        )
    return "\n".join(lines)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--resolution", type=int, default=256, help="image side, a power of two")
    parser.add_argument("--config", choices=("T", "R"), default="T", help="R doubles the channels")
    parser.add_argument("--channel-base", type=int, default=16384)
    parser.add_argument("--channel-max", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3, help="timed renderings per form")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--batch", type=int, help="images; default: as rendered together")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="on a GPU")


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Measure and show the table."""
    device = resolve(arguments.device)
    if arguments.precision != "float32" and device.type == "cpu":
        raise UserError(f"--precision {arguments.precision} needs a GPU. Add --device cuda.")
    settings = settings_of(arguments)
    batch = arguments.batch or together(device, settings.img_resolution)
    forms, peak = measure(
        settings,
        repeats=arguments.repeats,
        device=device,
        batch=batch,
        precision=arguments.precision,
    )
    show(
        f"StyleGAN3-{arguments.config} {arguments.resolution}x{arguments.resolution}, "
        f"channel_base {arguments.channel_base}, channel_max {arguments.channel_max}, "
        f"{arguments.precision}, {_place(device, batch)}, best of {arguments.repeats}"
    )
    show(table(forms))
    whose = "process, one image" if device.type == "cpu" else f"GPU, {batch} together"
    show(f"peak memory of the {whose} by {forms[-1].name}: {peak:.2f} GiB")
    if device.type == "cuda":
        show("NVIDIA's compiled operations: not measured")


def _place(device: torch.device, batch: int) -> str:
    if device.type == "cpu":
        return f"{torch.get_num_threads()} threads"
    return f"{device_class(device)}, {batch} together"
