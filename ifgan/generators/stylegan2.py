"""StyleGAN2 generators, conditional or not.

`StyleGAN2Network` holds the weights under the names of the published files. `StyleGAN2` is what
the rest of the house sees.

Source: Karras et al., Analyzing and Improving the Image Quality of StyleGAN (CVPR 2020).

Shape legend: N batch, R = num_ws, D = w_dim, Dz = z_dim, S styles, C = c_dim, H = W pixels.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

from ifgan.errors import UserError
from ifgan.generators.mapping import FullyConnected, MappingNetwork
from ifgan.generators.network import NetworkGenerator
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings, SynthesisNetwork


class StyleGAN2Network(nn.Module):
    """Both halves, with the state-dict keys of the published files."""

    def __init__(self, settings: StyleGAN2Settings) -> None:
        super().__init__()
        self.settings = settings
        self.synthesis = SynthesisNetwork(settings)
        self.mapping = MappingNetwork(
            settings.mapping,
            z_dim=settings.z_dim,
            c_dim=settings.c_dim,
            w_dim=settings.w_dim,
            num_ws=settings.num_ws,
        )


class StyleGAN2(NetworkGenerator):
    """A `Generator` from a loaded network.

    Parameters
    ----------
    network : its weights loaded and on their device.
    digest : identity of the weights.
    precision : "float32"; or "float16" or "bfloat16" for the layers where the publication uses
        half precision, which takes a GPU.
    class_label : the class of all faces, of a conditional network.
    exit_resolution : stop at this resolution, 4 … the network's, and return the image so far;
        it is what the later blocks add their detail to, not their image made smaller. None: the
        whole network. It changes every image, and so belongs into keys.

    Raises
    ------
    UserError
        If the network has no block of ``exit_resolution``.
    """

    kind = "stylegan2"

    def __init__(
        self,
        network: StyleGAN2Network,
        *,
        digest: str,
        precision: str = "float32",
        class_label: int | None = None,
        exit_resolution: int | None = None,
    ) -> None:
        settings = network.settings
        if exit_resolution is not None and exit_resolution not in settings.resolutions:
            known = ", ".join(str(resolution) for resolution in settings.resolutions)
            raise UserError(
                f"generator.exit_resolution must be one of {known}, which this network has, or "
                f"null; got {exit_resolution}. Set generator.exit_resolution=null."
            )
        super().__init__(
            network, settings, digest=digest, precision=precision, class_label=class_label
        )
        self.network = network
        self.network.synthesis.prepare()
        self.exit_resolution = exit_resolution
        self.img_resolution = exit_resolution or settings.img_resolution

    @torch.inference_mode()
    def synthesis(self, w_NRD: Tensor) -> Tensor:
        """Render latents, with the noise stored in the weights.

        Parameters
        ----------
        w_NRD : (N, R, D) float32 tensor.

        Returns
        -------
        (N, 3, H, H) float32 tensor, nominal range [-1, 1], not clipped; H is ``img_resolution``.
        """
        return self.render_styles(self.styles(w_NRD))

    @torch.inference_mode()
    def render_styles(self, styles_NS: Tensor) -> Tensor:
        """Render styles: (N, S), as ``styles`` gives them, -> (N, 3, H, H) as ``synthesis``."""
        render = functools.partial(self.network.synthesis.render, half=self.half)
        return self._in_parts(lambda *styles: render(styles), *self._by_layer(styles_NS))

    def _affines(self) -> list[tuple[str, int, FullyConnected]]:
        return self.network.synthesis.affines(self.exit_resolution)
