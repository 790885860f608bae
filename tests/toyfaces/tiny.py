"""A student so small that a test trains it."""

from __future__ import annotations

import dataclasses

from ifgan.toyfaces.student import SETTINGS

TINY = dataclasses.replace(SETTINGS, channel_base=256, channel_max=8, num_layers=5)
