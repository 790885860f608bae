"""Generators in a notebook: the same weights and the same bits as in a run.

    >>> import ifgan
    >>> generator = ifgan.load_generator("stylegan3_r_ffhq")
    >>> images = generator.sample(range(8), psi=0.7)

Shape legend: N samples, Dz = z_dim, D = w_dim, R rows of w, H pixels a side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ifgan import editing, generators
from ifgan.boundary import Boundary
from ifgan.devices import resolve
from ifgan.editing import Edit, Step
from ifgan.foreign import centred
from ifgan.generators.base import Generator, align_rows, truncate
from ifgan.generators.mixing import draw_w, spread
from ifgan.identities import generator_weights
from ifgan.layers import Layers, row_groups
from ifgan.node_settings import sampler_settings
from ifgan.ranges import in_range, one_of
from ifgan.schema import ALIGNMENTS, Config
from ifgan.seeds import seeds_to_z


@dataclass(frozen=True, eq=False)
class LoadedGenerator:
    """A generator on its device; ``psi`` is the truncation by convention of its weights.

    Tensors go in and come out on any device; images are float32 in [-1, 1].
    """

    network: Generator
    psi: float

    @property
    def digest(self) -> str:
        """Identity of the weights: what keys and boundaries record."""
        return self.network.digest

    @property
    def w_avg(self) -> Tensor:
        """(D,) mean of w over the population, the centre of truncation."""
        return self.network.w_avg

    def seeds_to_z(self, seeds: Sequence[int]) -> Tensor:
        """(N, Dz) latents by the field's convention, ``RandomState(seed).randn(Dz)`` each."""
        return torch.from_numpy(seeds_to_z(seeds, z_dim=self.network.z_dim))

    def z_to_w(
        self, z: Tensor | NDArray[np.floating], *, psi: float = 1.0, cutoff: int | None = None
    ) -> Tensor:
        """Map latents to w.

        Parameters
        ----------
        z : (N, Dz), standard normal; normalised inside.
        psi, cutoff : truncation towards ``w_avg``, psi from -2 to 2, of the first ``cutoff`` rows
            (None: of all); 1 is none.

        Returns
        -------
        (N, R, D) float32, row i of z alone deciding row i.
        """
        z_NDz = self._here(z)
        if z_NDz.ndim != 2 or z_NDz.shape[1] != self.network.z_dim:
            raise ValueError(
                f"z must have shape (N, {self.network.z_dim}); got {tuple(z_NDz.shape)}"
            )
        return self._truncated(self.network.mapping(z_NDz), psi, cutoff)

    def _truncated(self, w_NRD: Tensor, psi: float, cutoff: int | None) -> Tensor:
        in_range("psi", psi, low=-2.0, high=2.0)
        return truncate(w_NRD, self.w_avg, psi=psi, cutoff=cutoff)

    def synthesize(self, w: Tensor | NDArray[np.floating]) -> Tensor:
        """Render w, as (N, D) for all rows alike or (N, R, D).

        Returns
        -------
        (N, 3, H, H) float32, clipped to [-1, 1].
        """
        return self.network.synthesis(self._all_rows(w)).clamp(-1, 1)

    def _all_rows(self, w: Tensor | NDArray[np.floating]) -> Tensor:
        """(N, R, D) on the device, of (N, D) or (N, R, D)."""
        w_NRD = self._here(w)
        if w_NRD.ndim == 2:
            w_NRD = w_NRD[:, None].expand(-1, self.network.num_ws, -1)
        expected = (self.network.num_ws, self.network.w_dim)
        if w_NRD.ndim != 3 or tuple(w_NRD.shape[1:]) != expected:
            raise ValueError(
                f"w must have shape (N, {expected[1]}) or (N, {expected[0]}, {expected[1]}); "
                f"got {tuple(w_NRD.shape)}"
            )
        return w_NRD

    def _here(self, latents: Tensor | NDArray[np.floating]) -> Tensor:
        tensor = latents if isinstance(latents, Tensor) else torch.from_numpy(np.asarray(latents))
        return tensor.to(self.w_avg.device, torch.float32)

    def sample(
        self,
        seeds: Sequence[int],
        *,
        psi: float | None = None,
        cutoff: int | None = None,
        align: str = "none",
        mixing: bool = False,
    ) -> Tensor:
        """Faces of these seeds, as a run's sampler renders them.

        Parameters
        ----------
        seeds : whole numbers from 0 to 2**32 - 1, one for each face.
        psi, cutoff : truncation, psi from -2 to 2, of the first ``cutoff`` rows of w; None: psi
            by the convention of the weights, all rows.
        align, mixing : as ``sampler.align`` and ``sampler.mixing``.

        Returns
        -------
        (N, 3, H, H) float32 in [-1, 1]; image i depends on seeds[i] alone.
        """
        groups = row_groups(self.network.num_ws, mixing=mixing)
        w_NRD = spread(draw_w(self.network, seeds, groups), groups)
        strength = self.psi if psi is None else psi
        w_NRD = self._truncated(w_NRD, strength, cutoff)
        return self.synthesize(align_rows(w_NRD, self.w_avg, align=_known(align)))

    def edit(
        self,
        boundary: Boundary | str | Path,
        latents: Sequence[int] | Tensor | NDArray[np.floating],
        *,
        by: Step | None = None,
        to: Step | None = None,
        psi: float | None = None,
        cutoff: int | None = None,
        align: str | None = None,
        layers: Layers | None = None,
        row0: bool | None = None,
        channels: int | None = None,
        transforms: Tensor | NDArray[np.floating] | None = None,
        allow_generator: str | None = None,
    ) -> Tensor:
        """Faces moved along a boundary; see ``ifgan.editing`` for units and centre.

        Parameters
        ----------
        boundary : or where it lies, as ``Boundary.load`` takes it.
        latents : seeds; or w, (N, D) or (N, R, D), which is taken as final unless ``psi`` is given;
            for a boundary in Z, z (N, Dz).
        by : step of the final rows, in S of raw styles; to : signed distance instead; a number, or
            (N,).
        psi, cutoff : truncation before the edit; None: for seeds and z, psi by the convention of
            the weights.
        align : as ``sampler.align``; None: for seeds and z, as the boundary's samples were.
        layers, row0, channels : what moves, see ``Boundary.move``; in Z what takes the moved w.
        transforms : (N, 3, 3), of a StyleGAN3's images, see ``editing.render``.
        allow_generator : digest, name or file of this generator, if the boundary is of the one
            that it was fine-tuned from.

        Returns
        -------
        (N, 3, H, H) float32 in [-1, 1].

        Raises
        ------
        UserError
            If the boundary is of another generator, or an option does not fit it.
        """
        if not isinstance(boundary, Boundary):
            boundary = Boundary.load(boundary)
        if allow_generator is not None:
            boundary = boundary.allowing(generator_digest(allow_generator), name=allow_generator)
        editing.check(self.network, boundary)
        boundary = centred(boundary, self.w_avg.cpu().numpy())
        edit = Edit(boundary=boundary, by=by, to=to, layers=layers, row0=row0, channels=channels)
        drawn = not isinstance(latents, Tensor) and np.asarray(latents).dtype.kind in "iu"
        if drawn or boundary.space == "z":
            psi = self.psi if psi is None else psi
            align = boundary.provenance.get("align") if align is None else align

        def final(w_NRD: Tensor) -> Tensor:
            w_NRD = self._truncated(w_NRD, 1.0 if psi is None else psi, cutoff)
            return align_rows(w_NRD, self.w_avg, align=_known(align or "none"))

        given: Any = self.seeds_to_z(cast(Sequence[int], latents)) if drawn else latents
        turned = None if transforms is None else self._here(transforms)
        return self._edited(edit, given, turned, final=final, drawn=drawn)

    def _edited(
        self,
        edit: Edit,
        given: Any,
        turned_N33: Tensor | None,
        *,
        final: Callable[[Tensor], Tensor],
        drawn: bool,
    ) -> Tensor:
        """In Z the edit comes before the mapping, elsewhere after the truncation."""
        turned: dict[str, Any] = {"transform_N33": turned_N33}
        if edit.boundary.space == "z":
            moved_NRD = final(editing.edit_z(self.network, self._here(given), edit))
            return editing.render(self.network, moved_NRD, **turned).clamp(-1, 1)
        final_NRD = final(self.z_to_w(given) if drawn else self._all_rows(given))
        return editing.render_edit(self.network, final_NRD, edit, **turned).clamp(-1, 1)


def load_generator(
    name_or_path: str | Path, *, device: str = "auto", **options: object
) -> LoadedGenerator:
    """Load a generator by a name of ``conf/generator`` or by a file.

    Parameters
    ----------
    name_or_path : "toyfaces", "stylegan3_r_ffhq", …; or a ``.safetensors`` or ``.pkl`` file, by
        path, ``https://`` or ``gs://``.
    device : "auto" (CUDA when present, else the CPU), "cpu" or "cuda".
    options : options of the generator's group: ``resolution``, ``class_label``, ``precision``, …

    Returns
    -------
    The generator. Latents are float32 without unit: z is standard normal, w in units of the
    network's own; images are in [-1, 1], black to white, in the order red, green, blue.

    Raises
    ------
    UserError
        If there is no such name or file, or it is no generator; the message is one line.
    """
    config = _configured(name_or_path, options)
    digest, file = generator_weights(config)
    network = generators.load(
        sampler_settings(config, digest),
        None if file is None else file.as_path(),
        device=resolve(device),
    )
    return LoadedGenerator(network, config.generator.psi)


def generator_digest(digest_name_or_path: str | Path) -> str:
    """Identity of a generator's weights: of a name or a file as ``load_generator`` takes them.

    Raises
    ------
    UserError
        If it is neither these nor a digest.
    """
    if re.fullmatch(r"[0-9a-f]{64}|toyfaces-\d+-\d+", given := str(digest_name_or_path)):
        return given
    return generator_weights(_configured(digest_name_or_path, {}))[0]


def _configured(name_or_path: str | Path, options: Mapping[str, object]) -> Config:
    from ifgan.compose import compose_config, quoted

    given = str(name_or_path)
    chosen = [f"generator={given}"]
    if isinstance(name_or_path, Path) or "." in given or "/" in given:
        chosen = ["generator=checkpoint", f"generator.path={quoted(given)}"]
    return compose_config([*chosen, *(f"generator.{k}={quoted(v)}" for k, v in options.items())])


def _known(align: str) -> str:
    one_of("align", align, ALIGNMENTS)
    return align
