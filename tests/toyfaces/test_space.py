"""The latent space is as hard as announced, and its truth is true."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.generators.base import seeds_to_z
from ifgan.toyfaces.space import SHARED_COSINE, Space, build_readout, load_space, map_to_w
from ifgan.toyfaces.traits import FACTORS, INDEX, factor_values

NAMES = [factor.name for factor in FACTORS]
AGE, GLASSES = NAMES.index("age"), NAMES.index("eyeglasses")


@pytest.fixture(scope="module")
def space() -> Space:
    return load_space()


@pytest.fixture(scope="module")
def z() -> Tensor:
    return torch.from_numpy(seeds_to_z(range(4000), z_dim=512)).double()


@pytest.fixture(scope="module")
def w(space: Space, z: Tensor) -> Tensor:
    return map_to_w(z, space.layers)


def cosines(rows: Tensor) -> NDArray[np.float64]:
    unit = torch.nn.functional.normalize(rows, dim=1)
    matrix: NDArray[np.float64] = (unit @ unit.T).numpy()
    return matrix


def test_85_percent_of_the_variance_of_w_lies_in_about_90_components(w: Tensor) -> None:
    variances = torch.linalg.eigvalsh(torch.cov(w.T)).flip(0)
    needed = int((variances.cumsum(0) / variances.sum() < 0.85).sum()) + 1
    assert 75 <= needed <= 105


def test_read_outs_have_mean_0_variance_1_and_are_uncorrelated_in_fresh_latents(
    space: Space, w: Tensor
) -> None:
    traits_NK = (w - space.w_avg) @ space.readout.T
    assert traits_NK.mean(dim=0).abs().max() < 0.08  # sampling alone gives 1 / sqrt(4000)
    assert (traits_NK.std(dim=0) - 1.0).abs().max() < 0.06
    correlation_KK = torch.corrcoef(traits_NK.T).numpy()
    age, glasses = INDEX["age"], INDEX["eyeglasses"]
    assert correlation_KK[age, glasses] == pytest.approx(SHARED_COSINE, abs=0.05)
    correlation_KK[age, glasses] = correlation_KK[glasses, age] = 0.0
    np.fill_diagonal(correlation_KK, 0.0)
    assert np.abs(correlation_KK).max() < 0.10


def test_age_and_eyeglasses_share_a_cosine_of_0_4_and_no_other_pair_shares_any(
    space: Space, w: Tensor
) -> None:
    cosine_FF = cosines(space.w_directions)
    projections_NF = w @ space.w_directions.T
    sigma_cosine_FF = torch.corrcoef(projections_NF.T).numpy()
    assert cosine_FF[AGE, GLASSES] == pytest.approx(0.4, abs=0.02)
    assert sigma_cosine_FF[AGE, GLASSES] == pytest.approx(0.4, abs=0.05)
    others = ~np.eye(len(NAMES), dtype=bool)
    others[AGE, GLASSES] = others[GLASSES, AGE] = False
    assert np.abs(cosine_FF[others]).max() < 0.01
    assert np.abs(sigma_cosine_FF[others]).max() < 0.10


def test_factors_are_close_to_linear_in_w_and_not_in_z(space: Space, z: Tensor, w: Tensor) -> None:
    factors_NF = factor_values((w - space.w_avg) @ space.readout.T)
    for f, name in enumerate(NAMES):
        in_w = np.corrcoef(w @ space.w_directions[f], factors_NF[:, f])[0, 1]
        in_z = np.corrcoef(z @ space.z_directions[f], factors_NF[:, f])[0, 1]
        assert in_w > (0.80 if name == "beard" else 0.95), name
        assert 0.5 < in_z < in_w - 0.05, name


@pytest.mark.parametrize("latent", ["w", "z"])
def test_true_directions_agree_with_finite_differences(
    latent: str, space: Space, z: Tensor
) -> None:
    # The average slope along any unit vector u is |gradient| (direction . u): a straight line
    # through the origin over many u, among which the true directions themselves.
    random = np.random.RandomState(7)
    probes_PD = torch.from_numpy(random.randn(30, 512))
    truth_FD = space.w_directions if latent == "w" else space.z_directions
    probes_PD = torch.cat([torch.nn.functional.normalize(probes_PD, dim=1), truth_FD])
    z_ND = z[:1000] / z[:1000].square().mean(dim=1, keepdim=True).sqrt()
    start_ND = map_to_w(z_ND, space.layers) if latent == "w" else z_ND

    def factors(points_ND: Tensor) -> Tensor:
        w_ND = points_ND if latent == "w" else map_to_w(points_ND, space.layers)
        return factor_values((w_ND - space.w_avg) @ space.readout.T)

    step = 1e-3
    rises = [factors(start_ND + step * u) - factors(start_ND - step * u) for u in probes_PD]
    slopes_PF = torch.stack([rise.mean(dim=0) for rise in rises]) / (2 * step)
    for f, name in enumerate(NAMES):
        expected_P, found_P = probes_PD @ truth_FD[f], slopes_PF[:, f]
        agreement = expected_P @ found_P / (expected_P.norm() * found_P.norm())
        assert agreement > 0.985, name


def test_shipped_read_outs_are_those_that_their_seeds_give(space: Space) -> None:
    # Their directions are held by the finite differences above.
    w_avg_D, readout_KD = build_readout()
    torch.testing.assert_close(w_avg_D, space.w_avg, rtol=0, atol=1e-6)
    limit = 1e-5 * float(space.readout.abs().max())
    torch.testing.assert_close(readout_KD, space.readout, rtol=0, atol=limit)
