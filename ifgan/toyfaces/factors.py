"""What is known of toy faces without torch: their revision, and the attributes with a truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Raised by hand whenever the same latent gives a different picture or factor.
REVISION = 1


#: Where the network is that has learnt to draw toy faces.
NETWORK = "ifgan://toyfaces_stylegan3.safetensors"


@dataclass(frozen=True)
class Factor:
    """One attribute with a truth.

    Parameters
    ----------
    name : the attribute.
    kind : "logit" (present where the factor is positive) or "value".
    unit : of a value; "" for logits.
    """

    name: str
    kind: Literal["logit", "value"]
    unit: str = ""


FACTORS: tuple[Factor, ...] = (
    Factor("smile", "logit"),
    Factor("age", "value", "years"),
    Factor("eyeglasses", "logit"),
    Factor("pose", "value", "degrees"),
    Factor("beard", "logit"),
    Factor("hair", "value", "cm"),
)
