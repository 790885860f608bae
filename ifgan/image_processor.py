"""What a model of ``transformers`` takes an image as, by its preprocessor_config.json.

Read here rather than by transformers' own processors, which want torchvision and work on the host:
a square image is resized (bicubic, antialiased, on its device), cropped at its centre, and scaled.

Source: BaseImageProcessor of transformers and its subclasses, whose defaults are those below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ifgan.errors import UserError, choices
from ifgan.preprocessing import Preprocessing

#: Processors that resize, crop and scale, and do nothing else.
_KNOWN = (
    "BeitImageProcessor",
    "BitImageProcessor",
    "CLIPImageProcessor",
    "ConvNextImageProcessor",
    "DeiTImageProcessor",
    "LevitImageProcessor",
    "MobileNetV2ImageProcessor",
    "PoolFormerImageProcessor",
    "SiglipImageProcessor",
    "ViTImageProcessor",
)
_WHERE = "classifier.path: its preprocessor_config.json"
_RESCALE = 1 / 255


@dataclass(frozen=True)
class ImageProcessor:
    """What a model takes an image as.

    Parameters
    ----------
    preprocessing : pixels a side that it is resized to, mean and standard deviation.
    cropped : pixels a side that are kept of it.
    """

    preprocessing: Preprocessing
    cropped: int

    @property
    def resized(self) -> int:
        """Pixels a side before the crop."""
        size = self.preprocessing.image_size
        assert size is not None
        return size

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ImageProcessor:
        """Read what ``save_pretrained`` of an image processor wrote.

        Raises
        ------
        UserError
            On a processor that does something else, or one that leaves open what it does.
        """
        kind = str(given.get("image_processor_type") or given.get("feature_extractor_type") or "")
        plain = kind.removesuffix("Fast").removesuffix("Pil")
        plain = plain.replace("FeatureExtractor", "ImageProcessor")
        if plain and plain not in _KNOWN:
            raise UserError(
                f"{_WHERE} names {kind}, which is not known here. {choices(_KNOWN, kind)} Or "
                "export the model to ONNX and take classifier=onnx."
            )
        size = _side("size", given.get("size"))
        resized, cropped = size, size
        if plain == "ConvNextImageProcessor" and size < 384:
            resized = int(size / float(given.get("crop_pct") or 224 / 256))
        elif given.get("do_center_crop", "crop_size" in given):
            cropped = _side("crop_size", given.get("crop_size"))
            if plain == "LevitImageProcessor":
                resized = int(256 / 224 * size)
        if cropped > resized:
            raise UserError(f"{_WHERE} crops to {cropped} pixels an image of {resized}.")
        return cls(_scaled(resized, given), cropped)


def _scaled(size: int, given: Mapping[str, Any]) -> Preprocessing:
    """With mean and deviation of channels that run to 1, whatever these run to there."""
    white = 255 * float(given.get("rescale_factor") or _RESCALE)
    if not given.get("do_rescale", True):
        white = 255.0
    mean, std = [0.0] * 3, [1.0] * 3
    if given.get("do_normalize", True):
        for name in ("image_mean", "image_std"):
            if given.get(name) is None:
                raise UserError(f"{_WHERE} must have image_mean and image_std. It has no {name}.")
        mean, std = given["image_mean"], given["image_std"]
    checked = Preprocessing.of(f"{_WHERE}, image_", mean=mean, std=std)
    return Preprocessing.of(
        f"{_WHERE}, ",
        image_size=size,
        mean=[value / white for value in checked.mean],
        std=[value / white for value in checked.std],
    )


def _side(name: str, given: object) -> int:
    """Pixels a side, of a number or a mapping; faces are square."""
    sides = given.values() if isinstance(given, Mapping) else [given]
    found = {side for side in sides if isinstance(side, int) and side > 0}
    if len(found) != 1 or len(found) < len({*sides}):
        raise UserError(f"{_WHERE} must have {name}, pixels a side of a square. Got {given}.")
    return found.pop()
