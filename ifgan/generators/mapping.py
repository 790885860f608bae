"""The mapping network: z (and a class label) -> w, shared by StyleGAN2 and StyleGAN3.

Its rows are computed in groups of one fixed size (`base.GROUP`), because a matrix product sums
in an order that depends on the number of rows, and sample i must not depend on its batch.

Source: Karras et al., A Style-Based Generator Architecture for GANs (CVPR 2019), section 2;
equalised learning rate from Karras et al., Progressive Growing of GANs (ICLR 2018).

Shape legend: N batch, F features, Dz = z_dim, C = c_dim (classes), D = w_dim, R = rows of w.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifgan import groups
from ifgan.errors import UserError
from ifgan.generators.base import GROUP
from ifgan.generators.bounds import check_bounds
from ifgan.header import check_class_label

LRELU_SLOPE = 0.2
LRELU_GAIN = math.sqrt(2.0)  # keeps the mean square of a standard normal


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """Options of a mapping network, named as in published files.

    Parameters
    ----------
    num_layers : fully connected layers after the embedding.
    embed_features, layer_features : widths; None means w_dim.
    activation : "lrelu" or "linear".
    lr_multiplier : factor between a stored and an effective weight.
    """

    num_layers: int = 2
    embed_features: int | None = None
    layer_features: int | None = None
    activation: str = "lrelu"
    lr_multiplier: float = 0.01

    def __post_init__(self) -> None:
        if self.activation not in ("lrelu", "linear"):
            raise ValueError(f"activation must be lrelu or linear, not {self.activation!r}")
        try:
            check_bounds(self)
        except ValueError as error:
            raise ValueError(f"mapping: {error}") from None


def unit_mean_square(x_NF: Tensor) -> Tensor:
    """Scale every row to a mean square of one."""
    return x_NF * (x_NF.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def in_groups(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Apply a row-wise function to groups of ``GROUP`` rows, on one thread; see ``groups``."""
    with groups.one_thread():
        return groups.in_groups(function, *inputs, size=GROUP)


class FullyConnected(nn.Module):
    """Linear layer with equalised learning rate; "lrelu" is followed by a gain of sqrt 2."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activation: str = "linear",
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.activation = activation
        self.lr_multiplier = lr_multiplier

    def forward(self, x_NF: Tensor) -> Tensor:
        """(N, in_features) -> (N, out_features)."""
        y_NF = F.linear(x_NF, *self.effective())
        if self.activation == "linear":
            return y_NF
        return F.leaky_relu(y_NF, LRELU_SLOPE) * LRELU_GAIN

    def effective(self) -> tuple[Tensor, Tensor]:
        """Weight (out_features, in_features) and bias (out_features,) as they are applied."""
        weight = self.weight * (self.lr_multiplier / math.sqrt(self.weight.shape[1]))
        return weight, self.bias * self.lr_multiplier


class MappingNetwork(nn.Module):
    """z (N, Dz) and, in conditional networks, c (N, C) -> w (N, R, D), untruncated."""

    w_avg: Tensor  # (D,)

    def __init__(
        self, settings: MappingSettings, *, z_dim: int, c_dim: int, w_dim: int, num_ws: int
    ) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.num_layers = settings.num_layers
        self.c_dim = c_dim
        embed_features = settings.embed_features or w_dim if c_dim else 0
        hidden = [settings.layer_features or w_dim] * (settings.num_layers - 1)
        widths = [z_dim + embed_features, *hidden, w_dim]
        if c_dim:
            self.embed = FullyConnected(c_dim, embed_features)
        for i in range(settings.num_layers):
            layer = FullyConnected(
                widths[i],
                widths[i + 1],
                activation=settings.activation,
                lr_multiplier=settings.lr_multiplier,
            )
            self.add_module(f"fc{i}", layer)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z_NDz: Tensor, c_NC: Tensor | None = None) -> Tensor:
        """Map latents; row i depends on z_NDz[i] and c_NC[i] alone, to the bit."""
        w_ND = in_groups(self._group, z_NDz, *([] if c_NC is None else [c_NC]))
        return w_ND.unsqueeze(1).repeat(1, self.num_ws, 1)

    def _group(self, z_NDz: Tensor, c_NC: Tensor | None = None) -> Tensor:
        x_NF = unit_mean_square(z_NDz)
        if c_NC is not None:
            x_NF = torch.cat([x_NF, unit_mean_square(self.embed(c_NC))], dim=1)
        for i in range(self.num_layers):
            x_NF = self.get_submodule(f"fc{i}")(x_NF)
        return x_NF


def map_latents(
    network: MappingNetwork, z_NDz: Tensor, c_NC: Tensor | None, *, class_label: int | None
) -> Tensor:
    """w of latents, of the given labels or else all of one class, on the network's device.

    Raises
    ------
    UserError
        If a conditional network gets no label, an unconditional one gets one, or there is no
        such class.
    """
    device, num_classes = network.w_avg.device, network.c_dim
    if not num_classes and c_NC is not None:
        raise UserError("this network is unconditional and takes no labels; give latents alone")
    if c_NC is None:
        check_class_label(num_classes, class_label)
    if num_classes and c_NC is None:
        c_NC = torch.zeros(len(z_NDz), num_classes, device=device)
        c_NC[:, class_label] = 1.0
    labels = None if c_NC is None else c_NC.to(device, torch.float32)
    w_NRD: Tensor = network(z_NDz.to(device, torch.float32), labels)
    return w_NRD
