"""Whether an ONNX file is what its option takes it for: seen before a face is rendered.

Torch is not needed for it, so that a run that finds everything in the store starts at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from ifgan.errors import UserError
from ifgan.labels import Label
from ifgan.onnx_file import neighbour, open_onnx
from ifgan.preprocessing import Preprocessing


def check_scores(
    path: Path, preprocessing: Preprocessing, labels: Sequence[Label], *, option: str
) -> None:
    """Refuse a network that does not give all columns of some labels.

    Raises
    ------
    UserError
        Also if it does not run at all, see ``onnx_file``.
    """
    [columns] = _one_vector(path, preprocessing, option, "a row of scores")
    for label in labels:
        if label.column >= columns:
            raise UserError(
                f"{neighbour(option, 'labels')}.{label.name} must be one of the columns 0 to "
                f"{columns - 1} that {path.name} gives. Got {label.column}."
            )


def check_embedding(path: Path, preprocessing: Preprocessing, *, option: str) -> None:
    """Refuse a network that does not give an embedding of each image."""
    _one_vector(path, preprocessing, option, "an embedding")


def check_distance(path: Path, preprocessing: Preprocessing, *, option: str) -> None:
    """Refuse a network that gives neither a distance of two images nor features of one."""
    file = open_onnx(path, preprocessing, option=option, num_inputs=(1, 2))
    shapes = file.probe()
    described = _described(shapes)
    if len(file.inputs) == 2:
        if len(shapes) != 1 or math.prod(shapes[0]) != 1:
            raise UserError(
                f"{option} must give one output for two images, their distance, (N,). Got "
                f"{described}."
            )
    elif any(shape == () for shape in shapes):
        raise UserError(f"{option} must give features of each image, (N, C, …). Got {described}.")


def _one_vector(
    path: Path, preprocessing: Preprocessing, option: str, what: str
) -> tuple[int, ...]:
    """Shape of the single output, which must have one axis beside that of images."""
    shapes = open_onnx(path, preprocessing, option=option).probe()
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise UserError(
            f"{option} must give one output of shape (N, A), {what} for each image. Got "
            f"{_described(shapes)}."
        )
    return shapes[0]


def _described(shapes: Sequence[tuple[int, ...]]) -> str:
    """Number and shapes of outputs, in words."""
    each = " and ".join(f"({', '.join(map(str, ('N', *shape)))})" for shape in shapes)
    return f"{len(shapes)} output{'s' if len(shapes) > 1 else ''}, of shape {each}"
