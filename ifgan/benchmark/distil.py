"""A small StyleGAN2 that draws toy faces: what the early exit is measured on here.

No published weights ship with this repository, and of random weights no classifier says anything.
So a StyleGAN2 of 64 pixels learns, from pairs of a latent and its face, to draw what toyfaces
draws. Its mapping network is toyfaces' own, so that both have the same w. Only the final image is
compared, as nothing looks at the images of earlier blocks when a GAN is trained either; with
``--every-exit`` they are compared too, each with the face made smaller.

While it learns, the network reads traits instead of w: the linear read-outs of w that toyfaces
draws by. That is the same function, and spares it finding 60 directions of 512. Afterwards the
read-outs are multiplied into the layers that read w.

Shape legend: N faces, D = 512 dimensions of w, K traits, I / O channels in / out, H = W pixels.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ifgan.errors import UserError
from ifgan.generators.checkpoint import write_checkpoint
from ifgan.generators.mapping import LRELU_GAIN, LRELU_SLOPE, MappingSettings
from ifgan.generators.stylegan2 import StyleGAN2Network
from ifgan.generators.stylegan2_synthesis import StyleGAN2Settings, SynthesisLayer, ToRGB
from ifgan.images import resize
from ifgan.toyfaces import ToyFaces
from ifgan.toyfaces.space import DIM
from ifgan.toyfaces.student import widen
from ifgan.toyfaces.traits import TRAITS

_SEED = 4_300_000_000  # of faces that no run draws and no classifier was trained on
_SIZE = 64
_BATCH = 32


def settings(*, w_dim: int, channels: int) -> StyleGAN2Settings:
    """A network of toyfaces' mapping whose widths are ``channels`` at 64 pixels, 6 times at 4."""
    return StyleGAN2Settings(
        img_resolution=_SIZE,
        w_dim=w_dim,
        channel_base=channels * _SIZE,
        channel_max=channels * 6,
        num_fp16_res=0,
        mapping=MappingSettings(num_layers=2, layer_features=512, lr_multiplier=1.0),
    )


def draw(count: int, *, size: int = 512) -> tuple[Tensor, Tensor]:
    """Traits (N, K) and faces (N, 3, H, H) uint8 of one stream of latents."""
    generator = ToyFaces(_SIZE)
    random = np.random.RandomState(_SEED % 2**32)
    traits, faces = [], []
    for start in range(0, count, size):
        z_ND = torch.from_numpy(random.randn(min(size, count - start), generator.z_dim))
        w_NRD = generator.mapping(z_ND.float())
        traits.append(generator.traits(w_NRD).float())
        faces.append(((generator.synthesis(w_NRD) + 1) * 127.5).round().to(torch.uint8))
    return torch.cat(traits), torch.cat(faces)


def initialised(network: StyleGAN2Network, *, seed: int) -> None:
    """Weights as a training run starts with: normal, styles around 1, no noise."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("affine.bias"):
                parameter.fill_(1.0)
            elif name.endswith(("bias", "noise_strength")):
                parameter.zero_()
            else:
                parameter.normal_(generator=generator)


def images(network: StyleGAN2Network, w_ND: Tensor) -> list[Tensor]:
    """The image after every block, smallest first: what `SynthesisNetwork` computes, learnably.

    Styles scale the features instead of the weights, so that a batch shares one convolution.
    """
    blocks = network.synthesis.blocks
    x = blocks[0].const.expand(len(w_ND), -1, -1, -1)
    x = _layer(blocks[0].conv1, x, w_ND)
    found = [_colours(blocks[0].torgb, x, w_ND)]
    for block in blocks[1:]:
        x = _layer(block.conv1, _layer(block.conv0, x, w_ND), w_ND)
        found.append(block.upsample(found[-1]) + _colours(block.torgb, x, w_ND))
    return found


def _layer(layer: SynthesisLayer, x_NIhw: Tensor, w_ND: Tensor) -> Tensor:
    style_NI = layer.affine(w_ND)
    x = x_NIhw * style_NI[:, :, None, None]
    if layer.is_up:
        x = F.conv_transpose2d(x, layer.weight.transpose(0, 1), stride=2)
        taps = (layer.resample_filter * 4).repeat(x.shape[1], 1, 1, 1)
        x = F.conv2d(x, taps, padding=1, groups=len(taps))
    else:
        x = F.conv2d(x, layer.weight, padding=1)
    energy_NO = style_NI.square() @ layer.weight.square().sum(dim=(2, 3)).T
    x = x * (energy_NO + 1e-8).rsqrt()[:, :, None, None] + layer.bias[:, None, None]
    return F.leaky_relu(x, LRELU_SLOPE) * LRELU_GAIN


def _colours(torgb: ToRGB, x_NIHW: Tensor, w_ND: Tensor) -> Tensor:
    scale_NI = torgb.affine(w_ND) / math.sqrt(x_NIHW.shape[1])
    return F.conv2d(x_NIHW * scale_NI[:, :, None, None], torgb.weight, torgb.bias)


def learn(
    network: StyleGAN2Network,
    traits_NK: Tensor,
    faces: Tensor,
    *,
    steps: int,
    every_exit: bool,
    show: Callable[[str], None],
) -> None:
    """Bring the network's images to the faces: least absolute error, Adam, one cycle."""
    parameters = list(network.synthesis.parameters())
    optimizer = torch.optim.Adam(parameters, 1e-2, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-2, total_steps=steps, pct_start=0.1
    )
    random = np.random.RandomState(0)
    started, total = time.monotonic(), 0.0
    for step in range(1, steps + 1):
        picked = torch.from_numpy(random.randint(len(faces), size=_BATCH))
        target = faces[picked].float() / 127.5 - 1
        found = images(network, traits_NK[picked])
        loss = F.l1_loss(found[-1], target)
        total += loss.item()
        if every_exit:
            for image in found[:-1]:
                loss = loss + F.l1_loss(image, resize(target, image.shape[-1]))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 250 == 0 or step == steps:
            spent = time.monotonic() - started
            error = total / (step % 250 or 250)
            show(f"step {step:6,} of {steps:,}  error {error:.4f}  {spent:5.0f} s")
            total = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--faces", type=int, default=20_000, help="faces to learn from")
    parser.add_argument("--steps", type=int, default=3000, help=f"batches of {_BATCH} faces")
    parser.add_argument("--channels", type=int, default=16, help="width at 64 pixels")
    parser.add_argument("--every-exit", action="store_true", help="teach earlier blocks too")


def main(arguments: argparse.Namespace, *, show: Callable[[str], None]) -> None:
    """Draw faces, learn, write the network."""
    if min(arguments.faces, arguments.steps, arguments.channels) < 1:
        raise UserError("--faces, --steps and --channels must be at least 1.")
    torch.set_num_threads(1)  # layers are too small to share: threads would only wait
    traits_NK, faces = draw(arguments.faces)
    student = StyleGAN2Network(settings(w_dim=len(TRAITS), channels=arguments.channels))
    initialised(student, seed=0)
    student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learn(
        student,
        traits_NK,
        faces,
        steps=arguments.steps,
        every_exit=arguments.every_exit,
        show=show,
    )
    network = StyleGAN2Network(settings(w_dim=DIM, channels=arguments.channels))
    widen(network, student.synthesis)
    write_checkpoint(arguments.out, network.settings, network.state_dict())
