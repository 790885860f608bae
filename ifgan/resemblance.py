"""How like itself a face stays after an edit, as networks from ONNX files see it.

Identity similarity: the cosine of a face network's embeddings of the edited and the unedited face;
1 where nothing that it looks at has changed.

Perceptual distance (LPIPS-like): what a network of two images gives for the two faces, or, of a
network that gives feature maps of one image: at every position the squared length of the difference
of the features, each scaled to unit length over its channels; the mean over positions, then over
maps. It lies between 0 and 4. LPIPS weights channels and adds maps up, so its figures are others.

Source: Deng et al., ArcFace (CVPR 2019); Zhang et al., The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric (CVPR 2018), equation 1 without its weights.

Shape legend: N faces, H pixels a side, E values of an embedding, C channels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ifgan.artifacts import Float32
from ifgan.boundary import Float64
from ifgan.files import sha256_once
from ifgan.onnx_model import OnnxModel, load_onnx
from ifgan.preprocessing import Preprocessing

_TINY = 1e-10  # what lengths are raised by, so that features of length 0 stay 0


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure of pairs of faces.

    Parameters
    ----------
    name : "identity" or "perceptual".
    sha256 : of its network's file.
    of : unedited and edited faces, (N, 3, H, H) in [-1, 1] each, to (N,).
    """

    name: str
    sha256: str
    of: Callable[[Tensor, Tensor], Float64]


def load_measures(
    networks: Mapping[str, tuple[Path, Preprocessing]], *, device: torch.device
) -> tuple[Measure, ...]:
    """The measures by name, each from a file and what its network takes an image as.

    Raises
    ------
    UserError
        If a file is no such network.
    """
    found = []
    for name, (path, preprocessing) in networks.items():
        model = load_onnx(
            path,
            preprocessing,
            option=f"evaluation.{name}",
            device=device,
            num_inputs=(1,) if name == "identity" else (1, 2),
        )
        of = functools.partial(
            _similarity if name == "identity" else _distance,
            model,
            channels=-1 if preprocessing.layout == "nhwc" else 1,
        )
        found.append(Measure(name, sha256_once(path), of))
    return tuple(found)


def _similarity(model: OnnxModel, before: Tensor, after: Tensor, *, channels: int) -> Float64:
    """(N,) cosines of embeddings."""
    [one_NE], [other_NE] = model(before), model(after)
    product = _unit(one_NE, channels) * _unit(other_NE, channels)
    cosine: Float64 = product.sum(axis=channels)
    return cosine


def _distance(model: OnnxModel, before: Tensor, after: Tensor, *, channels: int) -> Float64:
    """(N,) perceptual distances."""
    if len(model.file.inputs) == 2:
        [given] = model(before, after)
        return given.astype(np.float64).reshape(len(before))
    distances = [
        np.square(_unit(one, channels) - _unit(other, channels))
        .sum(axis=channels)
        .reshape(len(before), -1)
        .mean(axis=1)
        for one, other in zip(model(before), model(after), strict=True)
    ]
    distance: Float64 = np.mean(distances, axis=0)
    return distance


def _unit(features: Float32, axis: int) -> Float64:
    """Of unit length along an axis."""
    exact = features.astype(np.float64)
    scaled: Float64 = exact / (np.linalg.norm(exact, axis=axis, keepdims=True) + _TINY)
    return scaled
