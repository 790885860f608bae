"""Whether an ONNX file is what its option takes it for: seen before a face is rendered.

Torch is not needed for it, so that a run that finds everything in the store starts at once; and the
jobs of a sweep look at one file once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

from ifgan.errors import UserError
from ifgan.graph import File
from ifgan.labels import Label, check_columns
from ifgan.onnx_file import neighbour, open_onnx
from ifgan.preprocessing import Preprocessing


def check_scores(
    file: File, preprocessing: Preprocessing, labels: Sequence[Label], *, option: str
) -> None:
    """Refuse a network that does not give all columns of some labels.

    Raises
    ------
    UserError
        Also if it does not run at all, see ``onnx_file``.
    """
    [columns] = _one_vector(file, preprocessing, option, "a row of scores")
    check_columns(neighbour(option, "labels"), labels, columns, file.as_path().name)


def check_embedding(file: File, preprocessing: Preprocessing, *, option: str) -> None:
    """Refuse a network that does not give an embedding of each image."""
    _one_vector(file, preprocessing, option, "an embedding")


def check_distance(file: File, preprocessing: Preprocessing, *, option: str) -> None:
    """Refuse a network that gives neither a distance of two images nor features of one."""
    num_inputs, shapes = _probed(file, preprocessing, option, (1, 2))
    described = _described(shapes)
    if num_inputs == 2:
        if len(shapes) != 1 or math.prod(shapes[0]) != 1:
            raise UserError(
                f"{option} must give one output for two images, their distance, (N,). Got "
                f"{described}."
            )
    elif any(shape == () for shape in shapes):
        raise UserError(f"{option} must give features of each image, (N, C, …). Got {described}.")


def _one_vector(
    file: File, preprocessing: Preprocessing, option: str, what: str
) -> tuple[int, ...]:
    """Shape of the single output, which must have one axis beside that of images."""
    _, shapes = _probed(file, preprocessing, option, (1,))
    if len(shapes) != 1 or len(shapes[0]) != 1:
        raise UserError(
            f"{option} must give one output of shape (N, A), {what} for each image. Got "
            f"{_described(shapes)}."
        )
    return shapes[0]


@functools.cache
def _probed(
    file: File, preprocessing: Preprocessing, option: str, num_inputs: tuple[int, ...]
) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """How many images a network takes at once, and the shape of each output for one."""
    found = open_onnx(file.as_path(), preprocessing, option=option, num_inputs=num_inputs)
    return len(found.inputs), tuple(found.probe())


def _described(shapes: Sequence[tuple[int, ...]]) -> str:
    """Number and shapes of outputs, in words."""
    each = " and ".join(f"({', '.join(map(str, ('N', *shape)))})" for shape in shapes)
    return f"{len(shapes)} output{'s' if len(shapes) > 1 else ''}, of shape {each}"
