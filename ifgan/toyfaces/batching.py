"""One way to run a batch, so that no result depends on the batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ifgan import groups
from ifgan.generators.base import GROUP


@torch.no_grad()
def in_groups(function: Callable[[Tensor], Tensor], batch: Tensor) -> Tensor:
    """Apply a function of a batch in groups of ``GROUP``, on one thread; see ``groups``."""
    with groups.one_thread():
        return groups.in_groups(function, batch, size=GROUP)
