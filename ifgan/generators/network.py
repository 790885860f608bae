"""What every generator that is a trained network does alike.

Libraries choose the order of a convolution's sums by shape, and a sample must not depend on its
batch. Images are therefore rendered one by one on a CPU, which a large image fills anyway, while
small ones take a thread each; and on a GPU in groups of a size that the network alone decides, the
last one padded.

Shape legend: N batch, R = num_ws, D = w_dim, Dz = z_dim, S styles, C = c_dim, H = W pixels.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from ifgan.generators.base import GROUP
from ifgan.generators.mapping import FullyConnected, MappingNetwork, in_groups, map_latents
from ifgan.groups import exact
from ifgan.parallel import in_threads
from ifgan.styles import StyleLayer, StyleMaps

#: Types of the high-resolution layers, where not float32.
HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}

_SMALL = 128  # pixels a side
_PIXELS = 1 << 23  # of a group of images on a GPU: eight of 1024², whose layers take some 10 GB


class _Settings(Protocol):
    """The options that both families have."""

    @property
    def z_dim(self) -> int: ...
    @property
    def c_dim(self) -> int: ...
    @property
    def w_dim(self) -> int: ...
    @property
    def num_ws(self) -> int: ...
    @property
    def img_resolution(self) -> int: ...


class NetworkGenerator(abc.ABC):
    """The common half of a `Generator` from a loaded network.

    Parameters
    ----------
    network : its weights loaded and on their device; ``mapping`` is its first half.
    settings : its options.
    digest : identity of the weights.
    precision : "float32"; or "float16" or "bfloat16" for the layers where the publication uses
        half precision, which takes a GPU.
    class_label : the class of all faces, of a conditional network.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: _Settings,
        *,
        digest: str,
        precision: str,
        class_label: int | None,
    ) -> None:
        network.eval().requires_grad_(False)
        assert isinstance(network.mapping, MappingNetwork)
        self._mapping = network.mapping
        self.digest = digest
        self.half = HALVES.get(precision)
        self.class_label = class_label
        self.z_dim, self.c_dim, self.w_dim = settings.z_dim, settings.c_dim, settings.w_dim
        self.num_ws = settings.num_ws
        self.img_resolution = settings.img_resolution
        self.w_avg = network.mapping.w_avg

    @torch.inference_mode()
    def mapping(self, z_NDz: Tensor, c_NC: Tensor | None = None) -> Tensor:
        """Map latents to w, untruncated.

        Parameters
        ----------
        z_NDz : (N, Dz) float32 tensor, standard normal; normalised inside.
        c_NC : (N, c_dim) one-hot class labels of a conditional network; None: ``class_label``.

        Returns
        -------
        (N, R, D) float32 tensor; row i depends on z_NDz[i] and c_NC[i] alone, to the bit.
        """
        return map_latents(self._mapping, z_NDz, c_NC, class_label=self.class_label)

    @abc.abstractmethod
    def _affines(self) -> list[tuple[str, int, FullyConnected]]:
        """Name, row of w and affine map of the layers that an image needs."""

    @property
    def style_layers(self) -> tuple[StyleLayer, ...]:
        """The layers in the order of S, ``affine(w)`` of each, not yet normalised."""
        return tuple(StyleLayer(name, row, len(a.bias)) for name, row, a in self._affines())

    @torch.inference_mode()
    def style_maps(self) -> StyleMaps:
        """The affine map from w to all styles, on the CPU."""
        effective = [affine.effective() for _, _, affine in self._affines()]
        weight, bias = (torch.cat(parts).float().cpu() for parts in zip(*effective, strict=True))
        return StyleMaps(self.style_layers, weight.numpy(), bias.numpy())

    @torch.inference_mode()
    def styles(self, w_NRD: Tensor) -> Tensor:
        """Styles of latents: (N, R, D) -> (N, S) float32; row i depends on w_NRD[i] alone."""
        w_NRD = w_NRD.to(self.w_avg.device, torch.float32)
        return torch.cat([in_groups(a, w_NRD[:, row]) for _, row, a in self._affines()], dim=1)

    def _by_layer(self, styles_NS: Tensor) -> tuple[Tensor, ...]:
        """The styles of each layer, where the network is."""
        channels = [layer.channels for layer in self.style_layers]
        return torch.split(styles_NS.to(self.w_avg.device, torch.float32), channels, dim=1)

    def _in_parts(self, render: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
        """Images of (N, …) tensors, which ``render`` is given so many samples of at a time."""
        given = [tensor.to(self.w_avg.device, torch.float32) for tensor in tensors]
        size = together(self.w_avg.device, self.img_resolution)
        groups = list(zip(*(torch.split(tensor, size) for tensor in given), strict=True))

        def images(parts: tuple[Tensor, ...]) -> Tensor:
            images_NCHW = render(*(_filled(part, size) for part in parts))
            return images_NCHW[: len(parts[0])]

        threads = torch.get_num_threads()
        with exact():
            if self._is_small and 1 < threads <= len(groups):
                return torch.cat(in_threads(_on_one_thread(images), groups, workers=threads))
            return torch.cat([images(parts) for parts in groups])

    @property
    def _is_small(self) -> bool:
        """Whether threads that share one image would mostly wait for each other."""
        return self.w_avg.device.type == "cpu" and self.img_resolution <= _SMALL


def _on_one_thread(images: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same in a thread of its own, where torch has to be told everything anew."""

    def alone(parts: tuple[Tensor, ...]) -> Tensor:
        torch.set_num_threads(1)
        with torch.inference_mode():
            return images(parts)

    return alone


def _filled(part: Tensor, size: int) -> Tensor:
    """The last samples of some, as many as there are in every group; of none, zeros."""
    if not len(part):
        return part.new_zeros(size, *part.shape[1:])
    if len(part) < size:
        part = torch.cat([part, part[-1:].expand(size - len(part), *part.shape[1:])])
    return part


def together(device: torch.device, resolution: int) -> int:
    """How many images are rendered at once."""
    return max(1, min(GROUP, _PIXELS // resolution**2)) if device.type == "cuda" else 1
