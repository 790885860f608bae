"""What a network from elsewhere takes an image as, and which file it is in.

Stated in YAML, with what most exported networks want as the default: RGB, (N, 3, H, W), values
from -1 (black) to 1 (white), at the size that the network's file says. In a step's settings it is
one line of JSON, which a console shows whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ifgan.errors import UserError, choices
from ifgan.ranges import in_range, numbers, one_of

CHANNELS = ("rgb", "bgr")
LAYOUTS = ("nchw", "nhwc")


@dataclass(frozen=True)
class Preprocessing:
    """What a network takes an image as.

    Parameters
    ----------
    image_size : pixels a side; None: what the network's file says.
    channels : their order.
    layout : "nchw", (N, 3, H, W), or "nhwc", (N, H, W, 3).
    mean, std : the network is given (x - mean) / std of each channel x, which runs from 0 (black)
        to 1 (white); in the order of ``channels``.
    """

    image_size: int | None = None
    channels: str = "rgb"
    layout: str = "nchw"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    @classmethod
    def of(
        cls,
        prefix: str,
        *,
        image_size: Any = None,
        channels: str = "rgb",
        layout: str = "nchw",
        mean: Any = None,
        std: Any = None,
        range: Any = None,
    ) -> Preprocessing:
        """Checked values of options, whose names begin with ``prefix``.

        Parameters
        ----------
        range : [low, high], what black and white become; instead of mean and std.

        Raises
        ------
        UserError
            On a value that is not allowed, or two that contradict each other.
        """
        if image_size is not None:
            numbers(f"{prefix}image_size", [image_size], count=1)
            in_range(f"{prefix}image_size", image_size, low=8, high=2048)
            image_size = int(image_size)
        one_of(f"{prefix}channels", str(channels), CHANNELS)
        one_of(f"{prefix}layout", str(layout), LAYOUTS)
        if range is not None:
            if mean is not None or std is not None:
                raise UserError(
                    f"{prefix}range and {prefix}mean or {prefix}std say the same. Got both. Leave "
                    "one out."
                )
            low, high = numbers(f"{prefix}range", range, count=2)
            if low == high:
                raise UserError(f"{prefix}range must be of two numbers. Got {low:g} twice.")
            mean, std = [-low / (high - low)] * 3, [1 / (high - low)] * 3
        means = cls.mean if mean is None else numbers(f"{prefix}mean", mean, count=3)
        stds = cls.std if std is None else numbers(f"{prefix}std", std, count=3)
        if 0 in stds:
            raise UserError(f"{prefix}std must not be 0. Got {list(stds)}.")
        return cls(image_size, channels, layout, means, stds)

    def as_text(self) -> str:
        """One line of JSON, equal for equal values."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Preprocessing:
        """What ``as_text`` made."""
        values = json.loads(text)
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})


@dataclass(frozen=True)
class Network:
    """A network that a configuration names by one option: a path, or a mapping with more.

    Parameters
    ----------
    option : that it comes from.
    path : a local path, ``https://…``, ``gs://…`` or ``s3://…``.
    sha256 : what the file must be; None: whatever comes.
    """

    option: str
    path: str
    sha256: str | None
    preprocessing: Preprocessing

    @classmethod
    def of(cls, option: str, given: object) -> Network:
        """Read ``PATH`` or ``{path: PATH, sha256: …, image_size: …, …}``.

        Raises
        ------
        UserError
            On an unknown key, a missing path, or a value that is not allowed.
        """
        values = {"path": given} if isinstance(given, str) else given
        known = ("path", "sha256", "image_size", "channels", "layout", "mean", "std", "range")
        if not isinstance(values, Mapping) or not isinstance(values.get("path"), str | None):
            raise UserError(f"{option} must be a path, or {{path: …, …}}. Got {given!r}.")
        if unknown := [str(key) for key in values if key not in known]:
            raise UserError(f"{option} has no key '{unknown[0]}'. {choices(known, unknown[0])}")
        if not values.get("path"):
            raise UserError(f"{option} needs a path: {{path: …, …}}. Got {given!r}.")
        described = {key: value for key, value in values.items() if key not in ("path", "sha256")}
        preprocessing = Preprocessing.of(f"{option}.", **described)
        if (sha256 := values.get("sha256")) is not None:
            check_sha256(f"{option}.sha256", sha256)
        return cls(option, values["path"], sha256, preprocessing)


def check_sha256(option: str, given: object) -> None:
    """Refuse what is no SHA-256."""
    if not isinstance(given, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise UserError(f"{option} must be 64 hexadecimal digits. Got '{given}'.")
