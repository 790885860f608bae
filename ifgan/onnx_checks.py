"""Whether an ONNX file is what its option takes it for: seen before a face is rendered.

Torch is not needed for it, so that a run that finds everything in the store starts at once.
"""

from __future__ import annotations

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


def _one_vector(
    path: Path, preprocessing: Preprocessing, option: str, what: str
) -> tuple[int, ...]:
    """Shape of the single output, which must have one axis beside that of images."""
    shapes = open_onnx(path, preprocessing, option=option).probe()
    if len(shapes) != 1 or len(shapes[0]) != 1:
        described = " and ".join(str(("N", *shape)).replace("'", "") for shape in shapes)
        raise UserError(
            f"{option} must give one output of shape (N, A), {what} for each image. Got "
            f"{len(shapes)} output{'s' if len(shapes) > 1 else ''}, of shape {described}."
        )
    return shapes[0]
