"""How fast StyleGAN3 renders here, against the literal form of its filters.

Weights are random, since speed does not depend on them. All forms share them, and are timed in
turn in one process, so that whatever else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ifgan.benchmark import literal
from ifgan.benchmark.fitting import peak_gib
from ifgan.generators import activation
from ifgan.generators.activation import FilteredLrelu
from ifgan.generators.convolution import ModulatedConv, grouped_conv, modulated_conv
from ifgan.generators.filters import Activation
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network, random_weights


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
        """Render one image; keep its times."""
        elapsed = {"convolutions": 0.0, "filters": 0.0}

        def convolve(
            x_NIHW: Tensor, weight_NOIKK: Tensor, bias_O: Tensor, *, padding: int
        ) -> Tensor:
            start = time.perf_counter()
            y_NOHW = self.convolve(x_NIHW, weight_NOIKK, bias_O, padding=padding)
            elapsed["convolutions"] += time.perf_counter() - start
            return y_NOHW

        def filtered(x_NCHW: Tensor, act: Activation) -> Tensor:
            start = time.perf_counter()
            y_NCHW = self.filtered(x_NCHW, act)
            elapsed["filters"] += time.perf_counter() - start
            return y_NCHW

        synthesis = generator.network.synthesis
        synthesis.filtered = filtered
        for layer in synthesis.layers:
            layer.convolve = convolve
        start, cpu = time.perf_counter(), time.process_time()
        self.image = generator.synthesis(w_NRD)
        total, cpu = time.perf_counter() - start, time.process_time() - cpu
        self.taken.append(Seconds(total, cpu, **elapsed))


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


def measure(settings: StyleGAN3Settings, *, repeats: int) -> tuple[list[Timed], float]:
    """Render one image ``repeats`` times in every form, in turn, after a warm-up.

    Returns
    -------
    The forms, the literal one first; the peak memory in GiB after the last one's first image.
    """
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(0))
    generator = StyleGAN3(network, digest="random")
    w_NRD = generator.mapping(torch.zeros(1, settings.z_dim).fill_(1.0))
    forms = [
        Timed("literal", grouped_conv, literal.filtered_lrelu),
        Timed("torch passes", grouped_conv, activation.filtered_lrelu_torch),
    ]
    if activation.implementation() == "numba":
        forms.append(Timed("numba kernels", modulated_conv, activation.filtered_lrelu))
    forms[-1].render(generator, w_NRD)
    peak = peak_gib()
    for _ in range(repeats + 1):
        for form in forms:
            form.render(generator, w_NRD)
    for form in forms:
        form.taken = form.taken[-repeats:]
    return forms, peak


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
    parser.add_argument("--repeats", type=int, default=3, help="timed images per form")


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Measure and show the table."""
    forms, peak = measure(settings_of(arguments), repeats=arguments.repeats)
    show(
        f"StyleGAN3-{arguments.config} {arguments.resolution}x{arguments.resolution}, "
        f"channel_base {arguments.channel_base}, channel_max {arguments.channel_max}, "
        f"float32, {torch.get_num_threads()} threads, best of {arguments.repeats}"
    )
    show(table(forms))
    show(f"peak memory of the process, one image by {forms[-1].name}: {peak:.2f} GiB")
