"""An emulator for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import emulator as server
from tests.emulator import Emulator


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with server.running() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running
