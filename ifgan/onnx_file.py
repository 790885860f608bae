"""ONNX networks that take images: what their files ask for, checked, and run.

Images always go through in groups of one size, the last one padded, each group on one thread and
several beside each other: so a result depends neither on the batch nor on the number of cores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ifgan.artifacts import Float32
from ifgan.errors import UserError
from ifgan.onnx_session import is_on_gpu, open_session, refusal
from ifgan.preprocessing import Preprocessing

_GROUP = 8  # images that go through together on a processor
_GPU_GROUP = 64
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_TOLERANCE = 1e-4  # of the largest value, that an output may change by with its neighbours


@dataclass(frozen=True, eq=False)
class OnnxFile:
    """A network that can be run.

    Parameters
    ----------
    session : of onnxruntime.
    option : that names the file, for messages.
    inputs : names of its inputs, each of which takes images.
    dtype : of its inputs.
    shape : of one image, (3, H, H) or (H, H, 3).
    group : images that go through together.
    threads : groups that do beside each other.
    """

    session: Any
    option: str
    inputs: tuple[str, ...]
    dtype: type
    shape: tuple[int, ...]
    group: int
    threads: int

    @property
    def image_size(self) -> int:
        """Pixels a side."""
        return sorted(self.shape)[1]

    def run(self, *images: Float32) -> list[Float32]:
        """Outputs for images.

        Parameters
        ----------
        images : for each input (N, *shape), N at least 1.

        Returns
        -------
        (N, …) of each output; row i depends on row i of the images alone.

        Raises
        ------
        UserError
            If the network fails on them, or gives another number of rows.
        """
        parts = [
            [one[first : first + self.group] for one in images]
            for first in range(0, len(images[0]), self.group)
        ]
        with ThreadPoolExecutor(self.threads) as pool:
            found = [*pool.map(self._run_group, parts)]
        return [np.concatenate(outputs) for outputs in zip(*found, strict=True)]

    def _run_group(self, images: Sequence[Float32]) -> list[Float32]:
        count = len(images[0])
        padding = np.zeros((self.group - count, *self.shape), np.float32)
        padded: list[Any] = [np.concatenate([one, padding]).astype(self.dtype) for one in images]
        try:
            outputs = self.session.run(None, dict(zip(self.inputs, padded, strict=True)))
        except Exception as error:
            size = self.image_size
            raise refusal(error, f"{self.option} fails on images of {size} pixels") from error
        for output in outputs:
            if np.ndim(output) == 0 or len(output) != self.group:
                raise UserError(
                    f"{self.option} must give a row for each image. Got an output of shape "
                    f"{np.shape(output)} for {self.group} images. Export it with a dynamic batch."
                )
        return [np.asarray(output)[:count].astype(np.float32) for output in outputs]

    def probe(self) -> list[tuple[int, ...]]:
        """Shape of each output for one image, its first axis left out.

        Raises
        ------
        UserError
            If the network does not run, or an image's output depends on its neighbours.
        """
        few = dataclasses.replace(self, group=min(self.group, 2) if self.is_free else self.group)
        random = np.random.RandomState(0)
        noise = random.uniform(-1, 1, (len(self.inputs), 3, *self.shape)).astype(np.float32)
        outputs = few.run(*noise[:, :2])
        others = few.run(*noise[:, [0, 2]])
        for one, other in zip(outputs, others, strict=True):
            if np.abs(one[0] - other[0]).max(initial=0) > _TOLERANCE * np.abs(one).max(initial=0):
                raise UserError(
                    f"{self.option}: what the network gives for an image depends on the others of "
                    "its batch. Export it in evaluation mode, after model.eval()."
                )
        return [output.shape[1:] for output in outputs]

    @property
    def is_free(self) -> bool:
        """Whether the network takes any number of images."""
        return _fixed(self.session.get_inputs()[0].shape[0]) is None


def open_onnx(
    path: Path,
    preprocessing: Preprocessing,
    *,
    option: str,
    num_inputs: tuple[int, ...] = (1,),
    gpu: int | None = None,
    threads: int = 1,
) -> OnnxFile:
    """A network from a file, its inputs checked.

    Parameters
    ----------
    option : that names the file, for messages.
    num_inputs : numbers of images that it may take at once.
    gpu : index of a CUDA device; None: the processor.
    threads : groups of images that run beside each other on a processor.

    Raises
    ------
    UserError
        If onnxruntime is not installed, the file is no such network, or it takes other inputs.
    """
    session = open_session(path, option=option, gpu=gpu)
    inputs = session.get_inputs()
    if len(inputs) not in num_inputs:
        raise UserError(
            f"{option} must take {' or '.join(map(str, num_inputs))} input of images. Got "
            f"{len(inputs)} inputs: {', '.join(one.name for one in inputs)}."
        )
    sizes = {_image_size(one, preprocessing, option) for one in inputs}
    if len(sizes) > 1 or len({one.type for one in inputs}) > 1:
        raise UserError(f"{option} must take both images alike. Got sizes or types that differ.")
    [size] = sizes
    on_gpu = is_on_gpu(session)
    return OnnxFile(
        session=session,
        option=option,
        inputs=tuple(one.name for one in inputs),
        dtype=_TYPES[inputs[0].type],
        shape=(3, size, size) if preprocessing.layout == "nchw" else (size, size, 3),
        group=_fixed(inputs[0].shape[0]) or (_GPU_GROUP if on_gpu else _GROUP),
        threads=1 if on_gpu else threads,
    )


def neighbour(option: str, name: str) -> str:
    """Name of an option beside that which names the file."""
    return f"{option.removesuffix('.path')}.{name}"


def _image_size(given: Any, preprocessing: Preprocessing, option: str) -> int:
    """Pixels a side of what one input takes, by its shape and the option that says it."""
    shape = given.shape
    described = f"input '{given.name}' of shape ({', '.join(str(axis or '?') for axis in shape)})"
    if len(shape) != 4 or given.type not in _TYPES:
        raise UserError(
            f"{option} must take images of four axes, (N, 3, H, H) or (N, H, H, 3), in floating "
            f"point. Got {described} and {given.type}."
        )
    layout = neighbour(option, "layout")
    nchw = preprocessing.layout == "nchw"
    channels, sides = (shape[1], shape[2:]) if nchw else (shape[3], shape[1:3])
    if _fixed(channels) not in (None, 3):
        other = "nhwc" if nchw else "nchw"
        raise UserError(
            f"{option} must take three channels in the order of {layout}={preprocessing.layout}. "
            f"Got {described}. Set {layout}={other} if that is its order."
        )
    fixed = {size for size in map(_fixed, sides) if size is not None}
    wanted, size_option = preprocessing.image_size, neighbour(option, "image_size")
    if len(fixed) > 1:
        raise UserError(f"{option} must take square images. Got {described}.")
    if not fixed and wanted is None:
        raise UserError(f"{size_option} must be given, since the network takes any. Got null.")
    size = fixed.pop() if fixed else wanted
    assert size is not None
    if wanted not in (None, size):
        raise UserError(f"{size_option} must be {size}, which the network takes. Got {wanted}.")
    return size


def _fixed(axis: object) -> int | None:
    """Length of an axis; None where any will do."""
    return axis if isinstance(axis, int) and axis > 0 else None
