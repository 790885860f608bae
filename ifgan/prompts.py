"""Attributes in words, for classifiers that compare images with texts.

An attribute is two prompts, one for faces that have it and one for those that have not. Each is put
into every template, and the embeddings are averaged.

Source: Radford et al., CLIP (2021), section 3.1.4, prompt engineering and ensembling.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from ifgan.errors import UserError

#: Where a prompt goes in a template.
BLANK = "{}"


@dataclass(frozen=True)
class Prompts:
    """An attribute's name, and what faces with and without it look like."""

    name: str
    positive: str
    negative: str


def as_text(prompts: Sequence[Prompts], templates: Sequence[str]) -> str:
    """One line of JSON, which a console shows whole."""
    return json.dumps({"templates": [*templates], "prompts": [astuple(each) for each in prompts]})


def from_text(text: str) -> tuple[tuple[Prompts, ...], tuple[str, ...]]:
    """Prompts and templates, as ``as_text`` wrote them."""
    given = json.loads(text)
    return tuple(Prompts(*each) for each in given["prompts"]), tuple(given["templates"])


def check_prompt(option: str, given: str | None) -> None:
    """Refuse a prompt that says nothing; None is none."""
    if given is not None and not given.strip():
        raise UserError(f"{option} must hold a prompt. Got '{given}'.")


def check_templates(option: str, templates: Sequence[str]) -> None:
    """Refuse templates without one place for a prompt."""
    if not templates:
        raise UserError(f"{option} must hold a template at least, as in ['a photo of {BLANK}'].")
    for template in templates:
        if template.count(BLANK) != 1:
            raise UserError(
                f"{option} must each have {BLANK} once, where the prompt goes. Got '{template}'."
            )
