"""The network families there are: what each is configured by, built of and used as."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.stylegan2 import StyleGAN2, StyleGAN2Network
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings
from ifgan.generators.stylegan3 import StyleGAN3, StyleGAN3Network

NetworkSettings = StyleGAN2Settings | StyleGAN3Settings


@dataclass(frozen=True)
class Family:
    """Settings dataclass, network module and `Generator` of one family."""

    settings: type[NetworkSettings]
    network: type[StyleGAN2Network] | type[StyleGAN3Network]
    generator: type[StyleGAN2] | type[StyleGAN3]

    def build(self, settings: Any) -> nn.Module:
        """An uninitialised network."""
        return self.network(settings)


FAMILIES: Mapping[str, Family] = {
    "stylegan2": Family(StyleGAN2Settings, StyleGAN2Network, StyleGAN2),
    "stylegan3": Family(StyleGAN3Settings, StyleGAN3Network, StyleGAN3),
}


def family_of(settings: NetworkSettings) -> str:
    """Name of the family whose settings these are."""
    [name] = [name for name, family in FAMILIES.items() if isinstance(settings, family.settings)]
    return name
