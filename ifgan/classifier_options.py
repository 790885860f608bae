"""The options of the group classifier: who scores the faces."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from ifgan.errors import UserError
from ifgan.framing import DEFAULT, Framing
from ifgan.labels import OUTPUTS, Label, labels_of
from ifgan.preprocessing import Preprocessing, check_sha256
from ifgan.prompts import check_templates
from ifgan.ranges import identifier, in_range, matches, one_of


@dataclass
class Classifier:
    """Who scores the faces, at ``image_size`` pixels a side."""

    kind: str = MISSING
    image_size: int = MISSING  # pixels a side that faces are scored at
    attributes: list[str] | None = None  # what it scores, whoever else can; null: what nobody lists

    def __post_init__(self) -> None:
        in_range("classifier.image_size", self.image_size, low=8, high=2048)


@dataclass
class ToyfacesClassifier(Classifier):
    """A small network that ships with ifgan and scores toyfaces."""

    kind: str = "toyfaces"  # or toyfaces_biased
    image_size: int = 64  # pixels a side that it takes


@dataclass
class ScoreFile(Classifier):
    """Scores made elsewhere, human labels included, aligned by seed (docs/classifiers.md)."""

    kind: str = "scores"
    image_size: int = 256  # pixels a side of the stored faces, for pages
    path: str = MISSING  # .csv, .npz, .npy or .parquet; local, https://…, gs://… or s3://…
    labels: Any = None  # {ATTRIBUTE: COLUMN} or [COLUMN, …]; null: all columns by their names
    outputs: str | None = None  # logits, probabilities, softmax, values; null: of any scale
    unit: str = ""  # of values: years, degrees, …

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.outputs is not None:
            one_of("classifier.outputs", self.outputs, OUTPUTS)


@dataclass
class Framed(Classifier):
    """One that looks at faces, and may be shown a part of them, resized by another filter."""

    filter: str = DEFAULT  # or bilinear, lanczos, area: how faces are resized for it, antialiased
    crop: Any = None  # shown of a face: 0.8, its middle; [top, left, height, width] in such shares

    def __post_init__(self) -> None:
        super().__post_init__()
        self.framing()

    def framing(self) -> Framing:
        """How a stored face becomes what it takes."""
        return Framing.of(filter=self.filter, crop=self.crop)


@dataclass
class Labelled(Framed):
    """A network or a function from elsewhere, whose columns are given names."""

    image_size: int = 224  # pixels a side that it takes
    labels: Any = MISSING  # what the columns are, see docs/classifiers.md
    outputs: str = "logits"  # what columns hold: log-odds, …, a quantity
    unit: str = ""  # of values: years, degrees, …

    def __post_init__(self) -> None:
        super().__post_init__()
        self.described()

    def described(self) -> tuple[Label, ...]:
        """What it scores."""
        return labels_of("classifier.labels", self.labels, outputs=self.outputs, unit=self.unit)


@dataclass
class Onnx(Labelled):
    """A network from an ONNX file (docs/classifiers.md)."""

    kind: str = "onnx"
    path: str = MISSING  # a local path, https://…, gs://… or s3://…
    sha256: str | None = None  # what the file must be; null: whatever comes
    channels: str = "rgb"  # their order, or bgr
    layout: str = "nchw"  # (N, 3, H, W); nhwc: (N, H, W, 3)
    mean: list[float] | None = None  # taken off each channel, which runs from 0 to 1; null: 0.5
    std: list[float] | None = None  # what each is then divided by; null: 0.5
    range: list[float] | None = None  # instead: what black and white become; null: [-1, 1]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sha256 is not None:
            check_sha256("classifier.sha256", self.sha256)
        self.preprocessing()

    def preprocessing(self) -> Preprocessing:
        """What the network takes an image as."""
        return Preprocessing.of(
            "classifier.",
            image_size=self.image_size,
            channels=self.channels,
            layout=self.layout,
            mean=self.mean,
            std=self.std,
            range=self.range,
        )


@dataclass
class Python(Labelled):
    """A function of the user's, on backend=local (docs/classifiers.md)."""

    kind: str = "python"
    function: str = MISSING  # MODULE:NAME; (N, 3, H, H) in [-1, 1] -> (N, A)
    version: str = ""  # to be changed with what the function reads besides its own file

    def __post_init__(self) -> None:
        super().__post_init__()
        matches("classifier.function", self.function, r"[\w.]+:\w+", example="my_module:score")


@dataclass
class CelebaResNet50(Framed):
    """A ResNet-50 with the 40 attributes of CelebA, two logits each (docs/classifiers.md)."""

    kind: str = "celeba_resnet50"
    image_size: int = 224  # pixels a side that it takes; what it was trained on
    path: str = MISSING  # a local path, https://…, gs://… or s3://…; .safetensors, .pt or .pth
    sha256: str | None = None  # what the file must be; null: whatever comes
    present: int = 1  # of an attribute's two logits, 0 or 1, the one that says it is there

    def __post_init__(self) -> None:
        in_range("classifier.image_size", self.image_size, low=32, high=2048)  # halved five times
        super().__post_init__()
        if self.sha256 is not None:
            check_sha256("classifier.sha256", self.sha256)
        in_range("classifier.present", self.present, low=0, high=1)


@dataclass
class TransformersModel(Framed):
    """A model of ``transformers``."""

    image_size: int = 224  # pixels a side that its preprocessing resizes to
    path: str = MISSING  # a directory, also gs://… or s3://…, or OWNER/NAME of huggingface.co
    revision: str | None = None  # commit, tag or branch there; null: what is newest


@dataclass
class HuggingFace(TransformersModel):
    """An image classifier of ``transformers`` (docs/classifiers.md)."""

    kind: str = "huggingface"
    labels: Any = None  # {ATTRIBUTE: CLASS}; null: attributes are called as the classes are
    outputs: str | None = None  # logits, probabilities, softmax, values; null: by the model's kind
    unit: str = ""  # of values: years, degrees, …
    trust_remote_code: bool = False  # run Python code that comes with the model


@dataclass
class Clip(TransformersModel):
    """A CLIP or SigLIP of ``transformers``, asked in words (docs/classifiers.md)."""

    kind: str = "clip"
    templates: list[str] = field(  # what a prompt is put into; their embeddings are averaged
        default_factory=lambda: [
            "{}",
            "a photo of {}",
            "a close-up photo of {}",
            "a portrait of {}",
        ]
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_templates("classifier.templates", self.templates)


def framing_of(chosen: Classifier) -> Framing:
    """How a stored face becomes what a classifier takes; as it is for those that leave it open."""
    return chosen.framing() if isinstance(chosen, Framed) else Framing()


CLASSIFIERS: dict[str, type] = {
    "toyfaces": ToyfacesClassifier,
    "scores": ScoreFile,
    "onnx": Onnx,
    "python": Python,
    "celeba_resnet50": CelebaResNet50,
    "huggingface": HuggingFace,
    "clip": Clip,
}

_OPTIONS = sorted(
    {field.name for schema in CLASSIFIERS.values() for field in dataclasses.fields(schema)}
)
_OPTION = re.compile(rf"(?<![\w./-])classifier\.(?=(?:{'|'.join(_OPTIONS)})\b)")


@contextlib.contextmanager
def speaking_of(option: str) -> Iterator[None]:
    """What is refused within speaks of the options of ``option``, say "classifiers.ages".

    Whoever reads a classifier's options calls them classifier.*, as where there is but one.
    """
    try:
        yield
    except UserError as error:
        raise UserError(_OPTION.sub(f"{option}.", str(error))) from error


def check_named(classifiers: Mapping[str, object]) -> None:
    """Refuse what is no classifier, or has a name that no option can have."""
    for name, chosen in classifiers.items():
        identifier("the name of a classifier in classifiers", name)
        if not isinstance(chosen, Classifier):
            raise UserError(
                f"classifiers.{name} must be a choice of the group classifier. Got {chosen}. "
                f"Add +classifier@classifiers.{name}=KIND, or to the defaults of an experiment "
                f"'- /classifier@classifiers.{name}: KIND'."
            )
