"""An ONNX network behind images as this project has them: resized, ordered and scaled for it.

Shape legend: N images, H pixels a side.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from ifgan.artifacts import Float32
from ifgan.images import normalised, resize
from ifgan.onnx_file import OnnxFile, open_onnx
from ifgan.preprocessing import Preprocessing


class OnnxModel:
    """A network that takes one batch of images, or two of equal length.

    Parameters
    ----------
    file : the network.
    preprocessing : what it takes an image as.
    """

    def __init__(self, file: OnnxFile, preprocessing: Preprocessing) -> None:
        self.file, self._preprocessing = file, preprocessing

    def __call__(self, *images: Tensor) -> list[Float32]:
        """(N, …) of each output.

        Parameters
        ----------
        images : for each input (N, 3, H, H) in [-1, 1], red, green, blue, of any size, anywhere.
        """
        return self.file.run(*map(self._prepared, images))

    def _prepared(self, images: Tensor) -> Float32:
        """As the network takes them: resized on their device, antialiased where they shrink."""
        x = resize(images.float(), self.file.image_size)
        x = normalised(x, self._preprocessing)
        if self._preprocessing.layout == "nhwc":
            x = x.permute(0, 2, 3, 1)
        prepared: Float32 = x.contiguous().cpu().numpy()
        return prepared


def load_onnx(
    path: Path,
    preprocessing: Preprocessing,
    *,
    option: str,
    device: torch.device,
    num_inputs: tuple[int, ...] = (1,),
) -> OnnxModel:
    """A network from a file on a device; see ``onnx_file.open_onnx``."""
    file = open_onnx(
        path,
        preprocessing,
        option=option,
        num_inputs=num_inputs,
        gpu=(device.index or 0) if device.type == "cuda" else None,
        threads=torch.get_num_threads(),
    )
    return OnnxModel(file, preprocessing)
