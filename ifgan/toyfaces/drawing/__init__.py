"""Drawing a face: traits in, pixels out; one module for each layer of the picture."""

from __future__ import annotations

from ifgan.toyfaces.drawing.face import draw

__all__ = ["draw"]
