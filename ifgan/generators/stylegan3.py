"""StyleGAN3 generators, configs T and R, conditional or not.

`StyleGAN3Network` holds the weights under the names of the published files. `StyleGAN3` is what
the rest of the house sees: it fixes the order of every sum, so that a sample does not depend on
its batch. Libraries choose the order of a convolution's sums by shape; on a CPU images are
therefore rendered one by one, which costs nothing since one image already fills the cores.

Source: Karras et al., Alias-Free Generative Adversarial Networks (NeurIPS 2021).

Shape legend: N batch, R = num_ws, D = w_dim, Dz = z_dim, C = c_dim, H = W pixels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ifgan.generators.activation import FilteredLrelu, filtered_lrelu
from ifgan.generators.geometry import StyleGAN3Settings
from ifgan.generators.mapping import MappingNetwork, map_latents
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


class StyleGAN3:
    """A `Generator` from a loaded network.

    Parameters
    ----------
    network : its weights loaded and on their device.
    digest : identity of the weights.
    precision : "float32", or "float16" for half precision where the publication uses it,
        which takes a GPU.
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
        self.network = network.eval().requires_grad_(False)
        self.digest = digest
        self.half = precision == "float16"
        self.class_label = class_label
        settings = network.settings
        self.z_dim, self.c_dim, self.w_dim = settings.z_dim, settings.c_dim, settings.w_dim
        self.num_ws = settings.num_ws
        self.img_resolution = settings.img_resolution
        self.w_avg = network.mapping.w_avg
        for layer in network.synthesis.layers:
            layer.prepare()

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
        mapping = self.network.mapping
        return map_latents(mapping, z_NDz, c_NC, class_label=self.class_label)

    @torch.inference_mode()
    def synthesis(self, w_NRD: Tensor, *, transform_33: Tensor | None = None) -> Tensor:
        """Render latents.

        Parameters
        ----------
        w_NRD : (N, R, D) float32 tensor.
        transform_33 : (3, 3) rotation and translation of the image in units of its side, as the
            inverse transform (image coordinates to the network's); None: the stored one.

        Returns
        -------
        (N, 3, H, H) float32 tensor, nominal range [-1, 1], not clipped.
        """
        device = self.w_avg.device
        w_NRD = w_NRD.to(device, torch.float32)
        if transform_33 is not None:
            transform_33 = transform_33.to(device, torch.float32)
        step = max(1, len(w_NRD)) if device.type == "cuda" else 1
        parts = [
            self.network.synthesis(part, transform_33=transform_33, half=self.half)
            for part in torch.split(w_NRD, step)
        ]
        return torch.cat(parts)
