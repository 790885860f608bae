"""A function of the user's as a classifier: images in, a row of scores for each out.

Images go through in groups of one size, the last one padded, so that no score depends on
``backend.batch_size``.

Shape legend: N images, H pixels a side, C columns that are given, A attributes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ifgan.artifacts import Float32
from ifgan.classifiers.base import Column
from ifgan.classifiers.labelled import columns_of, scores_of
from ifgan.errors import UserError
from ifgan.functions import Function, find, told
from ifgan.groups import IMAGES, in_groups
from ifgan.labels import Label, check_columns, from_text
from ifgan.specs import ClassifierSettings

_OPTION = "classifier.function"
_TOLERANCE = 1e-3  # of the largest score, that one may change by with its neighbours


@dataclass(frozen=True, eq=False)
class PythonClassifier:
    """A function behind the ``Classifier`` protocol."""

    digest: str
    function: Function
    image_size: int
    labels: tuple[Label, ...]
    kind: str = "python"

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its attributes, in the order of the labels."""
        return columns_of(self.labels)

    def score(self, images: Tensor) -> Tensor:
        """(N, A) float32 scores on the CPU of (N, 3, H, H) images in [-1, 1].

        Raises
        ------
        UserError
            If the function fails, or does not give a row for each image.
        """
        given_NC = in_groups(
            lambda group: torch.from_numpy(called(self.function, group)), images, size=IMAGES
        )
        return torch.from_numpy(scores_of(given_NC.numpy(), self.labels))


def load(settings: ClassifierSettings) -> PythonClassifier:
    """The classifier of a step's settings."""
    assert settings.function is not None and settings.labels is not None
    assert settings.image_size is not None
    function, _ = find(_OPTION, settings.function)
    return PythonClassifier(
        settings.classifier_digest, function, settings.image_size, from_text(settings.labels)
    )


def check(
    function: Function, labels: Sequence[Label], *, image_size: int, device: torch.device
) -> None:
    """Call a function on a few images, and refuse what it gives if that is no table of scores.

    Raises
    ------
    UserError
        Also if a score depends on the other images of the batch.
    """
    columns = _columns(function, image_size, device)
    check_columns("classifier.labels", labels, columns, "the function")


@functools.cache  # the jobs of a sweep ask once
@torch.inference_mode()
def _columns(function: Function, image_size: int, device: torch.device) -> int:
    """How many columns a function gives."""
    random = torch.Generator().manual_seed(0)
    images = torch.rand(3, 3, image_size, image_size, generator=random).to(device) * 2 - 1
    one, other = (called(function, images[rows]) for rows in ([0, 1], [0, 2]))
    if np.abs(one[0] - other[0]).max() > _TOLERANCE * np.abs(one).max():
        raise UserError(
            f"{_OPTION}: what the function gives for an image depends on the others of its batch. "
            "Call model.eval() in its module."
        )
    return int(one.shape[1])


def called(function: Function, images: Tensor) -> Float32:
    """(N, C) of some images; a single score for each may come without an axis of its own."""
    try:
        given = function(images)
    except Exception as error:  # the call alone is tried, so whatever it is comes of their code
        shape = "x".join(map(str, images.shape))
        raise UserError(f"{_OPTION} fails on {shape} images: {told(error)}.") from error
    if isinstance(given, Tensor):
        given = given.detach().float().cpu().numpy()
    try:
        table: Float32 = np.array(given, dtype=np.float32, order="C")  # torch wants one of its own
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{_OPTION} must give numbers, in a tensor or an array. Got a {type(given).__name__} "
            f"({' '.join(str(error).split())[:200]})."
        ) from error
    table = table[:, None] if table.ndim == 1 else table
    if table.ndim != 2 or len(table) != len(images) or table.size == 0:
        raise UserError(
            f"{_OPTION} must give scores of shape (N, A), a row for each image. Got "
            f"{table.shape} for {len(images)} images."
        )
    return table
