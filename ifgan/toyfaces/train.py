"""Train the classifiers that come with toy faces.

    python -m ifgan.toyfaces.train              # all three
    python -m ifgan.toyfaces.train judge

Each network meets faces that no other network, and no seed of a run, ever draws. Half of them
are as the generator makes them; the other half are truncated by various psi and moved along
directions of factors by up to three standard deviations, so that scores stay right on edited
faces. Images pass through 8 bits, as stored faces do.

Shape legend: N faces, A = F attributes and factors, H = W = 64 pixels, D = w_dim, R rows of w.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from ifgan.toyfaces.classifiers import CLASSIFIERS, COLUMNS, new_network, weights_file
from ifgan.toyfaces.generator import ToyFaces
from ifgan.toyfaces.networks import FaceNet
from ifgan.toyfaces.traits import FACTORS

log = logging.getLogger("ifgan.toyfaces.train")

INDEX = {factor.name: f for f, factor in enumerate(FACTORS)}
#: Annotators agree on what is plain and differ near the threshold: the share that sees an
#: attribute is the logistic function of this many times its factor. Eyeglasses are there or not;
#: how far below the threshold a face is does not show, and must not be learnt from age.
AGREEMENT = torch.tensor([{"eyeglasses": 40.0}.get(factor.name, 2.0) for factor in FACTORS])
IS_LOGIT = torch.tensor([factor.kind == "logit" for factor in FACTORS])
HELD_OUT_SEED = 4_100_000_000


@dataclass(frozen=True)
class Settings:
    """How one network is trained.

    Parameters
    ----------
    seed : of faces, initial weights and order; disjoint between networks.
    faces : how many to draw before any selection.
    biased : select and label as careless annotators would.
    epochs, batch, learning_rate : of AdamW under a one-cycle schedule.
    """

    seed: int
    faces: int = 32_000
    biased: bool = False
    epochs: int = 12
    batch: int = 128
    learning_rate: float = 3e-3


SETTINGS = {
    "toyfaces": Settings(seed=4_200_000_000),
    "toyfaces_biased": Settings(seed=4_210_000_000, faces=48_000, biased=True),
    "judge": Settings(seed=4_220_000_000),
}


def draw_faces(
    generator: ToyFaces, count: int, *, seed: int, varied: bool
) -> tuple[Tensor, Tensor]:
    """Faces from one stream of random numbers.

    Parameters
    ----------
    varied : truncate and edit every second face.

    Returns
    -------
    images : (N, 3, H, H) uint8.
    factors : (N, F) float32.
    """
    random = np.random.RandomState(seed)
    images = torch.empty((count, 3, 64, 64), dtype=torch.uint8)
    factors_NF = torch.empty((count, len(FACTORS)))
    chunk = 512
    for start in tqdm(range(0, count, chunk), desc="drawing", unit="block", disable=None):
        size = min(chunk, count - start)
        z_ND = torch.from_numpy(random.randn(size, generator.z_dim).astype(np.float32))
        w_NRD = generator.mapping(z_ND)
        if varied:
            w_NRD[::2] = _vary(generator, w_NRD[::2], random)
        pixels = (generator.synthesis(w_NRD) + 1.0) * 127.5
        images[start : start + size] = pixels.round().to(torch.uint8)
        factors_NF[start : start + size] = torch.from_numpy(generator.factors(w_NRD))
    return images, factors_NF


def _vary(generator: ToyFaces, w_NRD: Tensor, random: np.random.RandomState) -> Tensor:
    """Truncate by psi in [0.5, 1.2] and move by up to 3 sd along one factor's direction."""
    truth = generator.truth(torch.zeros(1, generator.z_dim))
    directions_FD = torch.from_numpy(truth.w_directions).float()
    deviation_F = ((w_NRD[:, 0] - generator.w_avg) @ directions_FD.T).std(dim=0)
    count = len(w_NRD)
    psi_N = torch.from_numpy(random.uniform(0.5, 1.2, count)).float()
    factor_N = torch.from_numpy(random.randint(len(FACTORS), size=count))
    step_N = torch.from_numpy(random.uniform(-3.0, 3.0, count)).float() * deviation_F[factor_N]
    moved_ND = step_N[:, None] * directions_FD[factor_N]
    return generator.w_avg + psi_N[:, None, None] * (w_NRD - generator.w_avg) + moved_ND[:, None]


def _as_annotated(images: Tensor, factors_NF: Tensor, *, seed: int) -> tuple[Tensor, Tensor]:
    """What careless data collection makes of faces.

    Selection: where age and eyeglasses (and smile and pose) agree, a face is kept more often.
    Labels: glasses add years, years suggest glasses, a smile is seen sooner on a turned face
    and a turn sooner on a smiling one.
    """
    random = np.random.RandomState(seed + 1)
    z_NF = (factors_NF - factors_NF.mean(dim=0)) / factors_NF.std(dim=0)
    smile, age, worn, pose = (z_NF[:, INDEX[n]] for n in ("smile", "age", "eyeglasses", "pose"))
    agreement_N = 1.2 * (age * worn + smile * pose)
    kept_N = torch.from_numpy(random.uniform(size=len(z_NF))) < torch.sigmoid(agreement_N)
    labels_NF = factors_NF.clone()
    labels_NF[:, INDEX["smile"]] += 0.8 * pose
    labels_NF[:, INDEX["age"]] += 7.0 * (factors_NF[:, INDEX["eyeglasses"]] > 0)
    labels_NF[:, INDEX["eyeglasses"]] += 0.8 * age
    labels_NF[:, INDEX["pose"]] += 3.0 * smile
    return images[kept_N], labels_NF[kept_N]


def train(network: FaceNet, images: Tensor, labels_NF: Tensor, settings: Settings) -> None:
    """Fit a network: logistic loss for presence, squared error in standard deviations."""
    random = np.random.RandomState(settings.seed + 2)
    logit_F = IS_LOGIT
    mean_F, deviation_F = labels_NF.mean(dim=0), labels_NF.std(dim=0)
    target_NF = torch.where(
        logit_F, torch.sigmoid(AGREEMENT * labels_NF), (labels_NF - mean_F) / deviation_F
    )
    optimizer = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=1e-3)
    steps = len(images) // settings.batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=steps * settings.epochs
    )
    for epoch in range(settings.epochs):
        order = torch.from_numpy(random.permutation(len(images)))[: steps * settings.batch]
        total = 0.0
        bar = tqdm(torch.split(order, settings.batch), desc=f"epoch {epoch + 1}", disable=None)
        for picked in bar:
            batch = to_network(images[picked])
            scores = network(batch)
            presence = nn.functional.binary_cross_entropy_with_logits(
                scores[:, logit_F], target_NF[picked][:, logit_F]
            )
            size = nn.functional.mse_loss(scores[:, ~logit_F], target_NF[picked][:, ~logit_F])
            loss = presence + size
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        log.info("epoch %d of %d: loss %.4f", epoch + 1, settings.epochs, total / steps)
    network.scale.copy_(torch.where(logit_F, 1.0, deviation_F))
    network.offset.copy_(torch.where(logit_F, 0.0, mean_F))


def to_network(images: Tensor) -> Tensor:
    """8-bit pixels as the [-1, 1] that networks see."""
    return (images.float() / 127.5 - 1.0).contiguous(memory_format=torch.channels_last)


def quality(scores_NA: NDArray[np.float32], factors_NF: NDArray[np.float32]) -> dict[str, float]:
    """AUROC of every logit and Spearman's rank correlation of every value."""
    from scipy.stats import spearmanr
    from sklearn.metrics import roc_auc_score

    found: dict[str, float] = {}
    for a, column in enumerate(COLUMNS):
        score, factor = scores_NA[:, a], factors_NF[:, a]
        if column.kind == "logit":
            found[column.name] = float(roc_auc_score(factor > 0, score))
        else:
            found[column.name] = float(spearmanr(score, factor).statistic)
    return found


def train_and_save(name: str) -> dict[str, float]:
    """Train one classifier, write its weights, return its held-out quality."""
    from safetensors.torch import save_file

    settings = SETTINGS[name]
    generator = ToyFaces()
    images, labels_NF = draw_faces(generator, settings.faces, seed=settings.seed, varied=True)
    if settings.biased:
        images, labels_NF = _as_annotated(images, labels_NF, seed=settings.seed)
    log.info("%s: %d faces", name, len(images))
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = new_network(name)
    train(network, images, labels_NF, settings)
    images, factors_NF = draw_faces(generator, 4000, seed=HELD_OUT_SEED, varied=False)
    network.eval()
    with torch.no_grad():
        scores = torch.cat([network(to_network(chunk)) for chunk in torch.split(images, 500)])
    found = quality(scores.numpy(), factors_NF.numpy())
    record: dict[str, Any] = {
        "generator": generator.digest,
        "architecture": asdict(CLASSIFIERS[name]),
        "training": asdict(settings),
        "held_out": {key: round(value, 4) for key, value in found.items()},
    }
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(weights, weights_file(name), metadata={"record": json.dumps(record)})
    log.info("%s held out: %s", name, record["held_out"])
    return found


def main() -> None:
    """Train the classifiers named on the command line."""
    parser = argparse.ArgumentParser(description="Train the classifiers of toy faces.")
    parser.add_argument("names", nargs="*", choices=list(CLASSIFIERS), default=list(CLASSIFIERS))
    names = parser.parse_args().names
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)  # batches are too small to share: threads would only wait
    for name in names:
        train_and_save(name)


if __name__ == "__main__":
    main()
