"""Toy faces: a generator whose truth is known, and classifiers for what it draws.

A published generator never tells which direction of its latent space *is* age; this one
does. It has a StyleGAN's latent space (z, a mapping network, an anisotropic w, rows of W+) in
front of a procedural cartoon face, so that everything which makes real latent spaces hard is
here by construction, and every answer can be checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ifgan.toyfaces.classifiers import load_classifier
    from ifgan.toyfaces.generator import ToyFaces
    from ifgan.toyfaces.traits import FACTORS

__all__ = ["FACTORS", "ToyFaces", "load_classifier"]

_HOME = {"FACTORS": "traits", "ToyFaces": "generator", "load_classifier": "classifiers"}


def __getattr__(name: str) -> Any:
    """Import torch only when something of it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
