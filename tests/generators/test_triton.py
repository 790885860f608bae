"""The Triton kernel against the passes in torch, by Triton's interpreter; no GPU is needed.

The interpreter is chosen by an environment variable before the first import, and so runs in a
process of its own: this file as a script.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from ifgan.generators import activation
from ifgan.generators.activation import filtered_lrelu, filtered_lrelu_torch
from ifgan.generators.filters import Activation
from tests.conftest import CHECKOUT
from tests.generators.reference import load, relative_error
from tests.generators.test_activation import LAYERS, layer, noise

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="triton is not installed"
)

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def lopsided(act: Activation, *, radial: bool) -> Activation:
    """With filters that no flip and no transposition leaves alone."""
    random = np.random.RandomState(0)
    up = random.randn(*act.up_taps.shape).astype(np.float32)
    down = random.randn(*(12, 12) if radial else (12,)).astype(np.float32)
    return dataclasses.replace(act, up_taps=up, down_taps=down)


def _cases() -> dict[str, tuple[Tensor, Activation]]:
    cases = {
        name: (noise(options["in_size"]), layer(**options)) for name, options in LAYERS.items()
    }
    same = layer(**LAYERS["same size"])
    for radial in (False, True):
        cases[f"lopsided, radial={radial}"] = (noise(38), lopsided(same, radial=radial))
    for name, dtype in DTYPES.items():
        cases[name] = (noise(38).to(dtype), same)
    cases["any strides"] = (noise(38).to(memory_format=torch.channels_last), same)
    return cases


NAMES = [*LAYERS, "lopsided, radial=False", "lopsided, radial=True", *DTYPES, "any strides"]


def _errors() -> dict[str, float]:
    """Relative error of every case; infinite where the kernel does not support it."""
    from ifgan.generators import triton_kernels

    found = {}
    for name, (x, act) in _cases().items():
        expected = filtered_lrelu_torch(x.float(), act)
        supported = triton_kernels.supports(act)
        result = triton_kernels.filtered_lrelu(x, act) if supported else expected * torch.inf
        assert result.dtype == torch.float32 and result.shape == expected.shape
        found[name] = relative_error(result, expected) if supported else float("inf")
    return found


def _nan_spreads() -> list[bool]:
    """Whether a NaN shows in its own plane, and in another one."""
    from ifgan.generators import triton_kernels

    x = noise(38)
    x[0, 0, 19, 19] = torch.nan
    y = triton_kernels.filtered_lrelu(x, layer(**LAYERS["same size"]))
    return [bool(y[0, 0].isnan().any()), bool(y[1].isnan().any())]


def _network() -> float:
    """Error of a reference network's image whose every activation is the kernel's."""
    from ifgan.generators import triton_kernels

    expected = load("stylegan3_r_32")
    generator = expected.generator()
    generator.network.synthesis.filtered = triton_kernels.filtered_lrelu
    image = generator.synthesis(expected.tensor("w_truncated")[:1])
    return relative_error(image, expected.tensor("img")[:1])


@functools.cache
def interpreted(part: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tests.generators.test_triton", part],
        cwd=CHECKOUT,
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_passes_in_torch(name: str) -> None:
    errors = interpreted("errors")
    assert set(errors) == set(NAMES)
    assert errors[name] < 2e-6


def test_lets_nan_through_within_its_plane() -> None:
    assert interpreted("nan") == [True, False]


def test_reference_network_is_reproduced() -> None:
    assert interpreted("network") < 2e-5


def test_long_filters_are_left_to_torch() -> None:
    from ifgan.generators import triton_kernels

    act = layer(in_size=60, out_size=20, up=1, down=8, filter_size=12)
    assert not triton_kernels.supports(act)


@pytest.mark.parametrize("capability", [75, 80, 90])
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "bf16"])
def test_compiles_for_gpus_that_are_not_here(capability: int, dtype: str) -> None:
    if dtype == "bf16" and capability < 80:
        pytest.skip("such GPUs have no bfloat16")
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from ifgan.generators import triton_kernels

    kernel = triton_kernels._filter_tiles
    sizes = {"K": 32, "F": 64, "T": 32, "Q": 4}
    types = {
        "x_ptr": f"*{dtype}",
        "slope": "fp32",
        "clamp": "fp32",
        **dict.fromkeys(sizes, "constexpr"),
    }
    signature = {
        name: types.get(name, "*fp32" if name.endswith("_ptr") else "i32")
        for name in kernel.arg_names
    }
    constants = {(kernel.arg_names.index(name),): size for name, size in sizes.items()}
    compiled = triton.compile(
        ASTSource(kernel, signature, constexprs=constants),
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": triton_kernels.WARPS},
    )
    assert compiled.metadata.shared <= 64 * 1024  # what the smallest of them has
    assert "tf32" not in compiled.asm["ptx"]


def test_triton_that_does_not_work_is_a_warning_and_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ifgan.generators import triton_kernels

    def fail(device: torch.device) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease set CC.")

    monkeypatch.setattr(triton_kernels, "try_out", fail)
    activation.implementation.cache_clear()
    assert activation.implementation(torch.device("cuda", 7)) == "torch"
    assert "Failed to find C compiler.)" in caplog.text
    activation.implementation.cache_clear()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", NAMES)
def test_gpu_equals_the_passes_in_torch(name: str) -> None:
    assert activation.implementation(torch.device("cuda", 0)) == "triton"
    x, act = _cases()[name]
    expected = filtered_lrelu_torch(x.float(), act)
    assert relative_error(filtered_lrelu(x.cuda(), act).cpu(), expected) < 1e-5


if __name__ == "__main__":
    parts: dict[str, Callable[[], object]] = {
        "errors": _errors,
        "nan": _nan_spreads,
        "network": _network,
    }
    sys.stdout.write(json.dumps(parts[sys.argv[1]]()))
