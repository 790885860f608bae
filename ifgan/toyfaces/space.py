"""The latent space of toy faces: z -> w -> traits, and the true directions.

The mapping network has StyleGAN's form (norm2, then two fully connected lrelu layers with gain
sqrt 2). Its second layer weighs its inputs unequally, which gives w the anisotropy of trained
networks: 85 % of its variance lies in some 90 of 512 dimensions.

The read-out vectors a_k are drawn from the population itself and made orthogonal twice: in
plain length, so that a step along one leaves the others alone, and in the population's
covariance, so that no two traits go together. The one intended exception is age and
eyeglasses, whose cosine is 0.4 in both senses.

What took a factorisation to compute is shipped, so that truth is the same on every machine;
``python -m ifgan.toyfaces.space`` computes it anew.

Shape legend: N batch, D = 512 dimensions of z and w, K traits, F factors, R rows of w.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.toyfaces.traits import FACTORS, TRAITS, factor_values

DIM = 512
SHARED_COSINE = 0.4  # of age and eyeglasses, in w
_FILE = Path(__file__).with_name("space.safetensors")
_POPULATION = 32768
_WEIGHTS_SEED, _POPULATION_SEED, _READOUT_SEED = 4_000_000_001, 4_000_000_002, 4_000_000_003

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """Constants of the latent space, all float64 on the CPU.

    Parameters
    ----------
    layers : two (D, D) weights of the mapping network, gains included.
    w_avg : (D,) mean of w over the population.
    readout : (K, D) vectors a_k: unit variance over the population.
    w_directions : (F, D) average gradient of each factor in w, unit norm.
    z_directions : (F, D) the same in the normalised z.
    """

    layers: tuple[Tensor, Tensor]
    w_avg: Tensor
    readout: Tensor
    w_directions: Tensor
    z_directions: Tensor


def mapping_layers() -> tuple[Tensor, Tensor]:
    """Weights of the two layers: (D, D) each, drawn from an explicit seed."""
    random = np.random.RandomState(_WEIGHTS_SEED)
    first_DD = random.randn(DIM, DIM) / np.sqrt(DIM)
    second_DD = random.randn(DIM, DIM) / np.sqrt(DIM)
    spectrum_D = (1.0 + np.arange(DIM) / 30.0) ** -1.2
    second_DD *= spectrum_D / np.sqrt(np.mean(spectrum_D**2))
    return torch.from_numpy(first_DD), torch.from_numpy(second_DD)


def map_to_w(z_ND: Tensor, layers: tuple[Tensor, Tensor]) -> Tensor:
    """The mapping network, in float64.

    float64 is what makes a float32 w independent of how a matrix product orders its sums:
    the differences are a billion times smaller than the last bit that is kept.

    Source: Karras et al., StyleGAN (CVPR 2019), section 2.
    """
    x_ND = z_ND * torch.rsqrt(z_ND.square().mean(dim=1, keepdim=True) + 1e-8)
    for weight_DD in layers:
        x_ND = torch.nn.functional.leaky_relu(x_ND @ weight_DD.T, 0.2) * 2**0.5
    return x_ND


@cache
def load_space() -> Space:
    """The shipped constants."""
    from safetensors.torch import load_file

    return Space(layers=mapping_layers(), **load_file(_FILE))


def build_readout() -> tuple[Tensor, Tensor]:
    """Compute ``w_avg`` and ``readout`` from their seeds, rounded to float32 as they are kept."""
    w_ND = torch.cat([map_to_w(z, mapping_layers()) for z in torch.split(_population(), 8192)])
    covariance_DD = torch.cov(w_ND.T, correction=0)
    readout_KD = torch.from_numpy(_readouts(covariance_DD.numpy()))
    return w_ND.mean(dim=0).float().double(), readout_KD.float().double()


def build_space() -> Space:
    """Compute all constants from their seeds."""
    layers = mapping_layers()
    w_avg_D, readout_KD = build_readout()
    directions = _average_gradients(_population(), layers, w_avg_D, readout_KD)
    return Space(layers, w_avg_D, readout_KD, *directions)


def _population() -> Tensor:
    """The latents (N, D) over which averages are taken."""
    return torch.from_numpy(np.random.RandomState(_POPULATION_SEED).randn(_POPULATION, DIM))


def _readouts(covariance_DD: Array) -> Array:
    """Read-out vectors (K, D): pairwise orthogonal in length and in covariance, unit variance."""
    random = np.random.RandomState(_READOUT_SEED)
    root_DD = _square_root(covariance_DD)
    taken: list[Array] = []  # a_k and covariance a_k of every trait so far

    def fresh(shape_DD: Array) -> Array:
        """A random unit vector of the given shape, orthogonal to all taken in both senses."""
        basis_DM = np.linalg.qr(np.stack(taken, axis=1))[0] if taken else np.zeros((DIM, 1))
        vector_D = shape_DD @ random.randn(DIM)
        for _ in range(2):  # the second pass removes the first one's rounding
            vector_D -= basis_DM @ (basis_DM.T @ vector_D)
        return vector_D / np.linalg.norm(vector_D)

    def take(vector_D: Array) -> Array:
        taken.extend([vector_D, covariance_DD @ vector_D])
        return vector_D

    readouts: dict[str, Array] = {"age": take(fresh(root_DD))}
    # Equal variance is what makes both cosines 0.4 at once: mix a strong and a weak direction.
    strong_D = take(fresh(covariance_DD))
    weak_D = take(fresh(np.eye(DIM)))
    target, high, low = (v @ covariance_DD @ v for v in (readouts["age"], strong_D, weak_D))
    assert low < target < high
    share = (target - low) / (high - low)
    own_D = np.sqrt(share) * strong_D + np.sqrt(1.0 - share) * weak_D
    readouts["eyeglasses"] = (
        SHARED_COSINE * readouts["age"] + np.sqrt(1.0 - SHARED_COSINE**2) * own_D
    )
    first = [factor.name for factor in FACTORS] + ["masculine"]
    for name in (*first, *TRAITS):
        if name not in readouts:
            readouts[name] = take(fresh(root_DD))
    readout_KD = np.stack([readouts[name] for name in TRAITS])
    variance_K = np.einsum("kd,de,ke->k", readout_KD, covariance_DD, readout_KD)
    scaled: Array = readout_KD / np.sqrt(variance_K)[:, None]
    return scaled


def _square_root(covariance_DD: Array) -> Array:
    """Symmetric square root: the same whatever signs an eigensolver chooses."""
    values_D, vectors_DD = np.linalg.eigh(covariance_DD)
    root: Array = (vectors_DD * np.sqrt(values_D)) @ vectors_DD.T
    return root


def _average_gradients(
    z_ND: Tensor, layers: tuple[Tensor, Tensor], w_avg_D: Tensor, readout_KD: Tensor
) -> tuple[Tensor, Tensor]:
    """Average gradient of every factor over the population, in w and in the normalised z.

    In w it is analytic, sum_k E[df/dp_k] a_k; for a Gaussian w it would also be the best
    linear predictor up to the covariance (Stein's lemma: Cov(w, f) = Cov(w) E[grad f]). In z
    it goes through the mapping network, tangentially to the sphere of radius sqrt(D).
    """
    sums_w = torch.zeros(len(FACTORS), DIM, dtype=torch.float64)
    sums_z = torch.zeros(len(FACTORS), DIM, dtype=torch.float64)
    for chunk_ND in torch.split(z_ND, 4096):
        norm_N1 = chunk_ND.square().mean(dim=1, keepdim=True).sqrt()
        sphere_ND = (chunk_ND / norm_N1).requires_grad_()
        traits_NK = (map_to_w(sphere_ND, layers) - w_avg_D) @ readout_KD.T
        factors_F = factor_values(traits_NK).sum(dim=0)
        for f, factor in enumerate(factors_F):
            by_trait, by_z = torch.autograd.grad(factor, [traits_NK, sphere_ND], retain_graph=True)
            sums_w[f] += by_trait.sum(dim=0) @ readout_KD
            sums_z[f] += by_z.sum(dim=0)
    unit = torch.nn.functional.normalize
    return unit(sums_w, dim=1), unit(sums_z, dim=1)


def main() -> None:
    """Write space.safetensors beside this module."""
    from safetensors.torch import save_file

    space = build_space()
    tensors = {
        "w_avg": space.w_avg,
        "readout": space.readout,
        "w_directions": space.w_directions,
        "z_directions": space.z_directions,
    }
    save_file(tensors, _FILE, metadata={"traits": " ".join(TRAITS)})


if __name__ == "__main__":
    main()
