"""StyleGAN3 generators, configs T and R, conditional or not.

`StyleGAN3Network` holds the weights under the names of the published files. `StyleGAN3` is what
the rest of the house sees.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021).

Shape legend: N batch, R = num_ws, D = w_dim, Dz = z_dim, S styles, C = c_dim, H = W pixels.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from ifgan.generators.activation import FilteredLrelu, filtered_lrelu
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import FullyConnected, MappingNetwork
from ifgan.generators.network import NetworkGenerator
from ifgan.generators.stylegan3_synthesis import SynthesisNetwork


class StyleGAN3Network(nn.Module):
    """Both halves, with the state-dict keys of the published files."""

    def __init__(
        self, settings: StyleGAN3Settings, *, filtered: FilteredLrelu = filtered_lrelu
    ) -> None:
        super().__init__()
        self.settings = settings
        self.synthesis = SynthesisNetwork(settings, filtered=filtered)
        self.mapping = MappingNetwork(
            settings.mapping,
            z_dim=settings.z_dim,
            c_dim=settings.c_dim,
            w_dim=settings.w_dim,
            num_ws=settings.num_ws,
        )


def random_weights(network: StyleGAN3Network, *, generator: torch.Generator) -> None:
    """Fill a network as training starts: normal weights, unit styles, sinusoids in a disc.

    Source: Karras et al. 2021, section 3.1 (input) and appendix D.
    """
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.endswith("bias"):
                tensor.fill_(1.0 if "affine" in name else 0.0)
            else:
                tensor.normal_(generator=generator)
                if "mapping" in name:
                    tensor.div_(network.settings.mapping.lr_multiplier)
        start = network.synthesis.input
        # The input turns and moves by w only once it has learnt to.
        start.affine.weight.zero_()
        start.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
        angle = torch.rand(len(start.freqs), generator=generator) * (2 * math.pi)
        radius = torch.rand(len(start.freqs), generator=generator).sqrt() * start.bandwidth
        start.freqs.copy_(torch.stack([angle.cos(), angle.sin()], dim=1) * radius[:, None])
        start.phases.uniform_(-0.5, 0.5, generator=generator)


class StyleGAN3(NetworkGenerator):
    """A `Generator` from a loaded network.

    Parameters
    ----------
    network : its weights loaded and on their device.
    digest : identity of the weights.
    precision : "float32"; or "float16" or "bfloat16" for the layers where the publication uses
        half precision, which takes a GPU.
    class_label : the class of all faces, of a conditional network.
    """

    kind = "stylegan3"

    def __init__(
        self,
        network: StyleGAN3Network,
        *,
        digest: str,
        precision: str = "float32",
        class_label: int | None = None,
    ) -> None:
        super().__init__(
            network,
            network.settings,
            digest=digest,
            precision=precision,
            class_label=class_label,
        )
        self.network = network
        for layer in network.synthesis.layers:
            layer.prepare()

    @torch.inference_mode()
    def synthesis(self, w_NRD: Tensor, *, transform_33: Tensor | None = None) -> Tensor:
        """Render latents.

        Parameters
        ----------
        w_NRD : (N, R, D) float32 tensor.
        transform_33 : (3, 3), or (N, 3, 3) for each its own: rotation and translation of the image
            in units of its side, as the inverse transform (image coordinates to the network's);
            None: the stored one.

        Returns
        -------
        (N, 3, H, H) float32 tensor, nominal range [-1, 1], not clipped.
        """
        return self.render_styles(self.styles(w_NRD), transform_33=transform_33)

    @torch.inference_mode()
    def render_styles(self, styles_NS: Tensor, *, transform_33: Tensor | None = None) -> Tensor:
        """Render styles: (N, S), as ``styles`` gives them, -> (N, 3, H, H) as ``synthesis``."""

        synthesis = self.network.synthesis
        motion_N4, *styles = self._by_layer(styles_NS)
        scales = synthesis.scales(styles)  # of all at once: layers are many, and these are small
        stored_33 = synthesis.input.transform if transform_33 is None else transform_33
        transform_N33 = stored_33.expand(len(styles_NS), 3, 3)

        def render(motion_N4: Tensor, transform_N33: Tensor, *flat: Tensor) -> Tensor:
            pairs = list(zip(flat[::2], flat[1::2], strict=True))
            return synthesis.render(motion_N4, pairs, transform_33=transform_N33, half=self.half)

        return self._in_parts(render, motion_N4, transform_N33, *itertools.chain(*scales))

    def _affines(self) -> list[tuple[str, int, FullyConnected]]:
        return self.network.synthesis.affines()
