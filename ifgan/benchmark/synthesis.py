"""How fast StyleGAN3 renders here, against the literal form of its filters.

Weights are random, since speed does not depend on them. Both forms share them, and are timed in
turn in one process, so that whatever else the machine does meets both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ifgan.benchmark import literal
from ifgan.generators import activation
from ifgan.generators.activation import FilteredLrelu
from ifgan.generators.filters import Activation
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network, random_weights


@dataclass
class Timed:
    """One form of the filtered activation, and the seconds of each of its images."""

    name: str
    filtered: FilteredLrelu
    total: list[float] = field(default_factory=list)
    filters: list[float] = field(default_factory=list)
    image: Tensor | None = None
    elapsed: float = 0.0

    def __call__(self, x_NCHW: Tensor, act: Activation) -> Tensor:
        start = time.perf_counter()
        y_NCHW = self.filtered(x_NCHW, act)
        self.elapsed += time.perf_counter() - start
        return y_NCHW

    def render(self, generator: StyleGAN3, w_NRD: Tensor) -> None:
        """Render one image; keep its times."""
        self.elapsed, start = 0.0, time.perf_counter()
        generator.network.synthesis.filtered = self
        self.image = generator.synthesis(w_NRD)
        self.total.append(time.perf_counter() - start)
        self.filters.append(self.elapsed)


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


def measure(settings: StyleGAN3Settings, *, repeats: int) -> list[Timed]:
    """Render one image ``repeats`` times in every form, in turn, after a warm-up."""
    network = StyleGAN3Network(settings)
    random_weights(network, generator=torch.Generator().manual_seed(0))
    generator = StyleGAN3(network, digest="random")
    w_NRD = generator.mapping(torch.zeros(1, settings.z_dim).fill_(1.0))
    forms = [
        Timed("literal", literal.filtered_lrelu),
        Timed("torch passes", activation.filtered_lrelu_torch),
    ]
    if activation.implementation() == "numba":
        forms.append(Timed("numba kernel", activation.filtered_lrelu))
    for _ in range(repeats + 1):
        for form in forms:
            form.render(generator, w_NRD)
    for form in forms:
        form.total, form.filters = form.total[1:], form.filters[1:]
    return forms


def table(forms: list[Timed]) -> str:
    """One line per form: best seconds per image, of which filters and the rest, and ratios."""
    baseline = forms[0]
    assert baseline.image is not None
    scale = baseline.image.abs().max()
    lines = [f"{'form':14}{'ms/image':>10}{'filters':>10}{'the rest':>10}{'ratio':>8}{'error':>10}"]
    for form in forms:
        assert form.image is not None
        best = min(range(len(form.total)), key=form.total.__getitem__)
        total, filters = form.total[best] * 1e3, form.filters[best] * 1e3
        error = float((form.image - baseline.image).abs().max() / scale)
        ratio = min(baseline.total) / min(form.total)
        lines.append(
            f"{form.name:14}{total:10.0f}{filters:10.0f}{total - filters:10.0f}"
            f"{ratio:7.1f}x{error:10.1e}"
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
    forms = measure(settings_of(arguments), repeats=arguments.repeats)
    show(
        f"StyleGAN3-{arguments.config} {arguments.resolution}x{arguments.resolution}, "
        f"channel_base {arguments.channel_base}, channel_max {arguments.channel_max}, "
        f"float32, {torch.get_num_threads()} threads, best of {arguments.repeats}"
    )
    show(table(forms))
