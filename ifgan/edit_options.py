"""Options of `python -m ifgan.edit`, and what its --help says of them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from ifgan.errors import UserError
from ifgan.foreign import SPACES
from ifgan.ranges import in_range, one_of
from ifgan.seeds import parse_seeds
from ifgan.strip import Course

_FACES = "0-5"  # where neither seeds nor latents are named


@dataclass(frozen=True)
class Options:
    """Which faces are moved, how far, and what is written.

    Boundaries
      boundary : more of them, after commas: run or sweep directories, boundary.npy, or the .npy or
          .pt files of other tools, whose normals are made unit vectors.
      space : w or z, where other tools' boundaries live; ours say so themselves.
      together : true adds the steps along all boundaries; false: a strip for each.
      generator : a name or a file; null: the run's. Its options are generator.NAME=…
      allow_generator : the same, or its digest, where it was fine-tuned from the run's.

    Faces
      seeds : 0-5, or 1,5,9; null: 0-5, unless latents are given.
      latents : .npy or .pt files instead, after commas: z or w (N, D), or rows of w (N, rows, D) as
          inversions of photographs are.
      latents_space : z or w, what latents (N, D) are; null: z for boundaries in Z, otherwise w.
      transforms : .npy or .pt files of (N, 3, 3), how inversion turned and moved a StyleGAN3's
          images.
      psi : truncation; null: as the first boundary's faces were rendered, or the convention of the
          weights; latents in w are taken as they are.

    Steps
      mode : relative, steps from where a face is; or absolute, signed distances to come to, where
          0 is the boundary, and for another tool's file the mean latent.
      unit : sd, standard deviations of the population's distance, which mean the same for every
          boundary, space and generator (in Z: latent units); or latent, units of the space.
      range : the first and the last step; -3,3, as in InterFaceGAN.
      steps : how many; 11, one more than there, so that the unedited face is among them.
      layers : rows of w that move: coarse, middle, fine, 4-7; null: those the boundary names.
      row0 : true or false, with row 0 or without, which turns and places a StyleGAN3's face.
      channels : of boundaries in S, so many of the strongest styles; null: all.

    Output
      out : folder for a PNG and a GIF of each strip, edit.html and edit.json; edit.
      size : pixels of a face at the most; 256, more than which the page never has.
      mp4 : true writes films as well; takes PyAV, pip install av.
      device : auto, cpu or cuda.
      batch_size : faces that are rendered together.
    """

    boundary: str | None = None
    space: str | None = None
    together: bool = False
    generator: str | None = None
    allow_generator: str | None = None
    seeds: str | None = None
    latents: str | None = None
    latents_space: str | None = None
    transforms: str | None = None
    psi: float | None = None
    mode: str = "relative"
    unit: str = "sd"
    range: tuple[float, ...] = (-3.0, 3.0)
    steps: int = 11
    layers: str | None = None
    row0: bool | None = None
    channels: int | None = None
    out: str = "edit"
    size: int = 256
    mp4: bool = False
    device: str = "auto"
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name in ("space", "latents_space"):
            if (given := getattr(self, name)) is not None:
                one_of(name, given, SPACES)
        if self.seeds is not None and self.latents is not None:
            raise UserError("give one of seeds=… and latents=…, not both.")
        if self.latents is None and (self.transforms, self.latents_space) != (None, None):
            raise UserError("transforms and latents_space are of latents=…, which are not given.")
        if self.psi is not None:
            in_range("psi", self.psi, low=-2.0, high=2.0)
        if self.together and self.mode == "absolute":
            raise UserError("together=true adds steps, so it needs mode=relative. Got absolute.")
        in_range("size", self.size, low=16, high=1024)
        in_range("batch_size", self.batch_size, low=1, high=4096)
        _ = self.course, self.chosen_seeds

    @property
    def course(self) -> Course:
        """The steps."""
        what: dict[str, Any] = {
            "layers": self.layers,
            "row0": self.row0,
            "channels": self.channels,
        }
        return Course.over(self.range, self.steps, mode=self.mode, unit=self.unit, **what)

    @property
    def chosen_seeds(self) -> list[int]:
        """Of faces, where no latents are given."""
        return parse_seeds(_FACES if self.seeds is None else self.seeds, option="seeds")


HELP = f"""\
python -m ifgan.edit RUN_OR_FILE… [option=value …]

{inspect.cleandoc(Options.__doc__ or "")}

Examples
  python -m ifgan.edit outputs/2025-01-01/12-00-00-smile seeds=0-5
  python -m ifgan.edit multirun/age together=true range=-2,2 steps=9
  python -m ifgan.edit age.pt space=w generator=stylegan3_r_ffhq latents=w.npy transforms=t.npy
"""


def listed(option: str | None) -> list[str]:
    """What an option names, after commas; null names nothing."""
    return [name for name in (option or "").split(",") if name]
