"""Steps of Muon: orthogonal, of the size asked for, resumable."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ifgan.toyfaces.muon import Muon, orthogonal


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (24, 24)])
def test_singular_values_become_alike(shape: tuple[int, int]) -> None:
    matrix = drawn(*shape) @ torch.diag(torch.logspace(0, -1, shape[1]))
    values = torch.linalg.svdvals(orthogonal(matrix))
    assert float(values.min()) > 0.6 and float(values.max()) < 1.3
    assert float((orthogonal(matrix) * matrix).sum()) > 0


@pytest.mark.parametrize("shape", [(8, 30), (8, 4, 3, 3), (50,)])
def test_a_step_is_as_large_as_the_rate_whatever_the_gradient(shape: tuple[int, ...]) -> None:
    for size in (1e-4, 1e4):
        parameter = torch.zeros(shape)
        Muon([parameter]).step([drawn(*shape) * size], 0.1)
        assert float(parameter.square().mean().sqrt()) == pytest.approx(0.1, rel=0.25)


def test_a_factor_slows_its_parameter_alone() -> None:
    slow, fast = torch.zeros(4, 9), torch.zeros(4, 9)
    Muon([slow, fast], factors=[0.1, 1.0]).step([drawn(4, 9), drawn(4, 9)], 0.1)
    torch.testing.assert_close(slow * 10.0, fast)


def test_a_badly_scaled_least_squares_is_solved() -> None:
    inputs = drawn(200, 12) * torch.logspace(0, -1.5, 12)
    wanted = drawn(5, 12, seed=1)
    weight = torch.zeros(5, 12)
    optimizer = Muon([weight])
    for step in range(300):
        gradient = (inputs @ (weight - wanted).T).T @ inputs / 200
        optimizer.step([gradient], 0.2 * (1 - step / 300))
    assert float((weight - wanted).abs().max()) < 0.1


def test_a_resumed_optimizer_takes_the_same_steps() -> None:
    shapes = [(4, 9), (7,)]

    def steps(optimizer: Muon, first: int, last: int) -> None:
        for i in range(first, last):
            optimizer.step([drawn(*shape, seed=i) for shape in shapes], 0.1)

    whole = [torch.zeros(shape) for shape in shapes]
    steps(Muon(whole), 0, 6)
    stopped = [torch.zeros(shape) for shape in shapes]
    before = Muon(stopped)
    steps(before, 0, 3)
    after = Muon(stopped)
    after.resume(before.state())
    steps(after, 3, 6)
    for one, other in zip(whole, stopped, strict=True):
        assert torch.equal(one, other)
