"""ifgan finds semantic directions in the latent space of face generators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ifgan.boundary import Boundary
    from ifgan.interface import LoadedGenerator, load_generator

__version__ = "0.1.0"
__all__ = ["Boundary", "LoadedGenerator", "__version__", "load_generator"]

_HOME = {"Boundary": "boundary", "LoadedGenerator": "interface", "load_generator": "interface"}


def __getattr__(name: str) -> Any:
    """Import torch only when something of it is asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
