"""Zero-shot scores from prompts, by a model of images and texts: CLIP or SigLIP.

An image's embedding does not depend on what is asked about it, so embeddings are what is kept of
it, and a new prompt encodes one text. With cosines c of an image with the prompts for and against
an attribute, and the model's own scale s and bias b, the score is the log-odds of the first:

    CLIP    softmax over the two prompts        s c₊ - s c₋
    SigLIP  a probability σ(s c + b) of each    log σ(s c₊ + b) - log σ(s c₋ + b)

Prompts tell which of two faces has more of an attribute better than where the line between with and
without it lies; so a column has no threshold of its own.

Shape legend: N images, A attributes, T templates, E dimensions of the embedding.

Source: Radford et al., CLIP (2021); Zhai et al., SigLIP (2023), equation 1.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.classifiers.base import Column
from ifgan.errors import UserError
from ifgan.image_processor import ImageProcessor
from ifgan.model_files import read_processor
from ifgan.prompts import BLANK, Prompts, from_text
from ifgan.specs import ClassifierSettings
from ifgan.transformers_model import call_model, load_model, load_tokenizer, try_model

_ROWS = 8192  # embeddings that are scored together: of millions, no second copy is made


@dataclass(frozen=True, eq=False)
class ClipClassifier:
    """A model and prompts behind the protocols ``Classifier`` and ``Embeds``.

    Parameters
    ----------
    texts : (A, 2, E) float64 unit embeddings of the prompts for and against, on the CPU.
    scale, bias : of cosines; bias None: the two prompts share one softmax.
    """

    digest: str
    model: Any
    processor: ImageProcessor
    names: tuple[str, ...]
    texts: Tensor
    scale: float
    bias: float | None
    device: torch.device
    kind: str = "clip"

    @property
    def image_size(self) -> int:
        """What its preprocessing resizes to."""
        return self.processor.resized

    @property
    def columns(self) -> tuple[Column, ...]:
        """Its attributes, in the order of the prompts."""
        return tuple(Column(name, "logit") for name in self.names)

    def embed(self, images: Tensor) -> Tensor:
        """(N, E) float32 unit embeddings, on the CPU, of (N, 3, H, H) images in [-1, 1]."""
        call = functools.partial(_embeddings, self.model)
        return call_model(call, images, self.processor, self.device)

    def score_embeddings(self, embeddings: Tensor) -> Tensor:
        """(N, A) float32 log-odds of (N, E) embeddings."""
        texts = self.texts.flatten(0, 1).T
        return torch.cat([self._odds(part, texts) for part in torch.split(embeddings, _ROWS)])

    def _odds(self, embeddings_NE: Tensor, texts_E2A: Tensor) -> Tensor:
        logits_N2A = self.scale * (embeddings_NE.double() @ texts_E2A)
        if self.bias is not None:
            logits_N2A = torch.nn.functional.logsigmoid(logits_N2A + self.bias)
        return (logits_N2A[:, ::2] - logits_N2A[:, 1::2]).float()

    def score(self, images: Tensor) -> Tensor:
        """(N, A) float32 scores on the CPU of (N, 3, H, H) images in [-1, 1]."""
        return self.score_embeddings(self.embed(images))


def load(settings: ClassifierSettings, weights: Path, *, device: torch.device) -> ClipClassifier:
    """The classifier of a step's settings.

    Raises
    ------
    UserError
        If the directory holds no such model, or a prompt is longer than it takes.
    """
    prompts, encode = _opened(settings, weights, device)
    model = encode.model
    bias = getattr(model, "logit_bias", None)
    return ClipClassifier(
        digest=settings.classifier_digest,
        model=model,
        processor=ImageProcessor.of(read_processor(weights)),
        names=tuple(each.name for each in prompts),
        texts=encode.all(prompts),
        scale=model.logit_scale.exp().item(),
        bias=None if bias is None else bias.item(),
        device=device,
    )


@dataclass(frozen=True, eq=False)
class _TextEncoder:
    """Texts to embeddings; those of one prompt go through together, whatever others there are."""

    model: Any
    tokenizer: Any
    templates: Sequence[str]
    device: torch.device

    @torch.inference_mode()
    def all(self, prompts: Sequence[Prompts]) -> Tensor:
        """(A, 2, E)."""
        pairs = [torch.stack([*map(self._embedding, self.tokens(each))]) for each in prompts]
        return torch.stack(pairs)

    def tokens(self, prompts: Prompts) -> tuple[list[list[int]], list[list[int]]]:
        """Of the prompts for and against, T rows each, as the model takes them; they differ."""
        positive, negative = (
            self._tokens(prompts.name, p) for p in (prompts.positive, prompts.negative)
        )
        if positive == negative:
            raise UserError(
                f"attribute '{prompts.name}': the model reads both prompts alike, "
                f"'{prompts.positive}' and '{prompts.negative}'. Say them in other words."
            )
        return positive, negative

    def _tokens(self, name: str, prompt: str) -> list[list[int]]:
        """T rows of one length."""
        texts = [template.replace(BLANK, prompt) for template in self.templates]
        length = self.model.config.text_config.max_position_embeddings
        rows = self.tokenizer(texts, padding="max_length", max_length=length)["input_ids"]
        for text, row in zip(texts, rows, strict=True):
            if len(row) > length:
                raise UserError(
                    f"attribute '{name}': the model takes texts of {length} tokens. Got "
                    f"{len(row)}: '{text}'. Shorten the prompt or classifier.templates."
                )
        found: list[list[int]] = rows
        return found

    def _embedding(self, rows: list[list[int]]) -> Tensor:
        """(E,) float64 mean of the templates' unit embeddings, of unit length again."""
        ids = torch.tensor(rows, device=self.device)
        found_TE = _unit(self.model.get_text_features(input_ids=ids)).cpu().double()
        return torch.nn.functional.normalize(found_TE.mean(dim=0), dim=0)


def _opened(
    settings: ClassifierSettings, weights: Path, device: torch.device
) -> tuple[tuple[Prompts, ...], _TextEncoder]:
    """Prompts, and the model with what reads them."""
    assert settings.prompts is not None
    prompts, templates = from_text(settings.prompts)
    model = load_model(weights, kind="clip", auto="AutoModel").to(device)
    return prompts, _TextEncoder(model, load_tokenizer(weights, kind="clip"), templates, device)


def _embeddings(model: Any, pixels: Tensor) -> Tensor:
    """(N, E) unit embeddings of images as the model takes them."""
    return _unit(model.get_image_features(pixel_values=pixels))


def _unit(features: Any) -> Tensor:
    """(N, E) of unit length, of what transformers gives."""
    given: Tensor = getattr(features, "pooler_output", features)
    return torch.nn.functional.normalize(given.float(), dim=-1)


def check(settings: ClassifierSettings, weights: Path) -> None:
    """Load the model, read all prompts, and embed one of them and an image.

    Raises
    ------
    UserError
        If it is not what its files say, or a prompt is too long.
    """
    prompts, encode = _opened(settings, weights, torch.device("cpu"))
    for each in prompts:
        encode.tokens(each)
    encode.all(prompts[:1])
    try_model(
        functools.partial(_embeddings, encode.model), ImageProcessor.of(read_processor(weights))
    )
