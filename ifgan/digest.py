"""The hash that keys are made of."""

from __future__ import annotations

import hashlib
import json


def digest(*parts: object) -> str:
    """Hash of plain data: 32 hexadecimal digits, the same on every machine."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
