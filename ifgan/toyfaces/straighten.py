"""The student's mapping network: toyfaces' two layers, then two that straighten.

w is what the last leaky ReLU gives, as in any StyleGAN. A linear read-out of it tells the face's
appearance; it serves the training alone, and is multiplied into the synthesis' affine layers.

Shape legend: N faces, M pool of faces, K traits, D = 512 dimensions of w, A numbers of the
appearance.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ifgan.generators.mapping import LRELU_GAIN, LRELU_SLOPE
from ifgan.progress import Progress
from ifgan.toyfaces.appearance import appearance
from ifgan.toyfaces.lessons import population
from ifgan.toyfaces.space import DIM, load_space
from ifgan.toyfaces.traits import TRAITS

#: Traits whose effect is least linear: most hinges are of them.
_BENT = (
    *("eyeglasses", "age", "beard", "masculine", "pose", "smile", "hair", "skin_tone"),
    *("hair_tone", "eye_colour", "frame_colour", "ground_hue", "cloth_hue", "hair_red"),
)
_POOL = 1 << 16  # faces that it learns from
_BATCH = 1024
_RATE = 2e-3
_SMALLEST = 1e-3  # deviation that a number of the appearance is divided by, at least


class Straightener(nn.Module):
    """Traits -> w -> appearance, in standard deviations.

    Parameters
    ----------
    random : of the initial weights.
    """

    def __init__(self, random: torch.Generator) -> None:
        super().__init__()
        numbers_NA = appearance(population(8192, random))
        self.hidden = nn.Linear(len(TRAITS), DIM)
        self.out = nn.Linear(DIM, DIM)
        self.read = nn.Linear(DIM, numbers_NA.shape[1])
        self.register_buffer("mean", numbers_NA.mean(dim=0))
        self.register_buffer("deviation", numbers_NA.std(dim=0).clamp(min=_SMALLEST))
        self.mean: Tensor
        self.deviation: Tensor
        with torch.no_grad():
            self._set_hinges(random)
            for layer in (self.out, self.read):
                layer.weight.normal_(std=math.sqrt(1.0 / DIM), generator=random)
                layer.bias.zero_()

    def _set_hinges(self, random: torch.Generator) -> None:
        """Let every hidden unit bend one trait somewhere."""
        often = torch.tensor([5.0 if name in _BENT else 1.0 for name in TRAITS])
        which_D = torch.multinomial(often, DIM, replacement=True, generator=random)
        sign_D = torch.randint(0, 2, (DIM,), generator=random) * 2.0 - 1.0
        self.hidden.weight.normal_(std=0.03, generator=random)
        self.hidden.weight[torch.arange(DIM), which_D] += sign_D
        self.hidden.bias.copy_(torch.randn(DIM, generator=random) * 1.2)

    def w(self, traits_NK: Tensor) -> Tensor:
        """(N, K) float32 -> (N, D)."""
        x_ND = F.leaky_relu(self.hidden(traits_NK), LRELU_SLOPE) * LRELU_GAIN
        return F.leaky_relu(self.out(x_ND), LRELU_SLOPE) * LRELU_GAIN

    def forward(self, traits_NK: Tensor) -> Tensor:
        """(N, K) float32 -> (N, A)."""
        numbers_NA: Tensor = self.read(self.w(traits_NK))
        return numbers_NA

    def wanted(self, traits_NK: Tensor) -> Tensor:
        """What `forward` should give, of (N, K) float64."""
        return (appearance(traits_NK) - self.mean) / self.deviation

    def mapping_layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weights and biases of all layers from z to w, float64."""
        space = load_space()
        zero_D = torch.zeros(DIM, dtype=torch.float64)
        weight_DK, bias_D = self.hidden.weight.double(), self.hidden.bias.double()
        bent = (weight_DK @ space.readout, bias_D - weight_DK @ space.readout @ space.w_avg)
        last = (self.out.weight.double(), self.out.bias.double())
        return [*((weight_DD, zero_D) for weight_DD in space.layers), bent, last]


def straighten(*, seed: int, steps: int) -> Straightener:
    """Teach a mapping network the appearance: a regression, which takes a minute or two."""
    random = torch.Generator().manual_seed(seed)
    net = Straightener(random)
    optimizer = torch.optim.Adam(net.parameters(), _RATE, (0.9, 0.98))
    pool_MK = population(min(_POOL, _BATCH * steps), random)
    wanted_MA = net.wanted(pool_MK)
    pool_MK = pool_MK.float()
    with Progress("mapping").track(steps, "steps") as advance:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * 0.5 * (1.0 + math.cos(math.pi * step / steps))
            rows_N = torch.randint(0, len(pool_MK), (_BATCH,), generator=random)
            loss = (net(pool_MK[rows_N]) - wanted_MA[rows_N]).square().mean()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            advance(1)
    return net.requires_grad_(False)
