"""``generator=toyfaces``: the ``Generator`` protocol over the latent space and the drawing.

Latents are computed on the CPU in float64, whatever the device: they are the same everywhere
and cost little. Only the drawing runs on the device.

Shape legend: N batch, D = 512 dimensions of z and w, R rows of w, K traits, F factors,
H = W pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.base import Truth
from ifgan.toyfaces.batching import in_groups
from ifgan.toyfaces.drawing import draw
from ifgan.toyfaces.factors import REVISION
from ifgan.toyfaces.space import DIM, load_space, map_to_w
from ifgan.toyfaces.traits import FACTORS, TRAITS_OF_ROW, factor_values


class ToyFaces:
    """Cartoon faces of known truth, with a StyleGAN's latent space.

    Parameters
    ----------
    resolution : side of the images in pixels, 64, 128 or 256; the same faces at each.
    device : where to draw.

    Raises
    ------
    UserError
        If the resolution is none of the three.
    """

    kind = "toyfaces"
    z_dim = DIM
    w_dim = DIM
    num_ws = len(TRAITS_OF_ROW)

    def __init__(self, resolution: int = 64, device: str | torch.device = "cpu") -> None:
        if resolution not in (64, 128, 256):
            raise UserError(
                f"generator.resolution of toyfaces must be 64, 128 or 256. Got {resolution}."
            )
        self.img_resolution = resolution
        self.digest = f"toyfaces-{REVISION}-{resolution}"
        self._device = torch.device(device)
        self._space = load_space()
        self.w_avg = self._space.w_avg.float().to(self._device)

    def mapping(self, z_NDz: Tensor) -> Tensor:
        """Map latents to w, untruncated.

        Parameters
        ----------
        z_NDz : (N, 512) tensor, standard normal; normalised inside.

        Returns
        -------
        (N, 8, 512) float32 tensor with equal rows.
        """
        w_ND = in_groups(lambda z: map_to_w(z.double(), self._space.layers), z_NDz.cpu())
        return w_ND.float().to(self._device).unsqueeze(1).repeat(1, self.num_ws, 1)

    def synthesis(self, w_NRD: Tensor) -> Tensor:
        """Draw faces.

        Returns
        -------
        (N, 3, H, H) float32 tensor in [-1, 1]; image i depends on w_NRD[i] alone, to the bit.
        """

        def draw_group(traits_NK: Tensor) -> Tensor:
            return draw(traits_NK, size=self.img_resolution, device=self._device)

        return in_groups(draw_group, self.traits(w_NRD))

    def traits(self, w_NRD: Tensor) -> Tensor:
        """Read every trait from its row of w: (N, K) float64 on the CPU, in standard deviations."""
        return in_groups(self._read_traits, w_NRD.cpu())

    def _read_traits(self, w_NRD: Tensor) -> Tensor:
        w_NRD = w_NRD.double() - self._space.w_avg
        readouts = torch.split(self._space.readout, [len(row) for row in TRAITS_OF_ROW])
        return torch.cat([w_NRD[:, r] @ a_KD.T for r, a_KD in enumerate(readouts)], dim=1)

    def factors(self, w_NRD: Tensor) -> NDArray[np.float32]:
        """The factors of given latents, as rendered.

        Returns
        -------
        (N, F) float32 in the order and units of ``FACTORS``; logits are positive where the
        attribute is present.
        """
        return in_groups(factor_values, self.traits(w_NRD)).float().numpy()

    def truth(self, z_NDz: Tensor) -> Truth:
        """What is true of given latents (untruncated), and of the generator.

        The directions belong to the generator, not to the given latents: each is the average
        gradient of the rendered factor over one fixed population (see ``space``). That of the
        beard has a part of masculinity, its gate.
        """
        return Truth(
            names=tuple(factor.name for factor in FACTORS),
            factors=self.factors(self.mapping(z_NDz)),
            w_directions=self._space.w_directions.numpy().copy(),
            z_directions=self._space.z_directions.numpy().copy(),
        )
