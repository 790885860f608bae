"""What every classifier offers: images in, one score per attribute out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:  # whoever only reads scores needs none
    from torch import Tensor


@dataclass(frozen=True)
class Column:
    """What one column of the scores means.

    Parameters
    ----------
    name : the attribute.
    kind : "logit" (log-odds that the attribute is present) or "value" (a measured quantity).
    unit : of a value: "years", "degrees", …; "" for logits.
    threshold : the classifier's own decision threshold on this column; None where it has none.
    """

    name: str
    kind: Literal["logit", "value"]
    unit: str = ""
    threshold: float | None = None


class Classifier(Protocol):
    """Scores every image on each of its attributes in one pass."""

    @property
    def kind(self) -> str: ...

    @property
    def digest(self) -> str:
        """Identity of the weights: what enters keys."""
        ...

    @property
    def image_size(self) -> int: ...

    @property
    def columns(self) -> tuple[Column, ...]: ...

    def score(self, images: Tensor) -> Tensor:
        """Score images.

        Parameters
        ----------
        images : (N, 3, H, H) float32 in [-1, 1] at ``image_size``.

        Returns
        -------
        (N, A) float32; row i depends on images[i] alone, to the bit on a CPU.
        """
        ...


@runtime_checkable
class Embeds(Protocol):
    """A classifier that scores an image by an embedding that does not depend on what is asked.

    The embedding is what is kept of an image: other questions need no image again.
    """

    def embed(self, images: Tensor) -> Tensor:
        """(N, E) float32 on the CPU, of images as ``Classifier.score`` takes them."""
        ...

    def score_embeddings(self, embeddings: Tensor) -> Tensor:
        """(N, A) float32 scores on the CPU of (N, E) embeddings."""
        ...
