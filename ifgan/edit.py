"""`python -m ifgan.edit RUN_OR_FILE…`: faces moved along boundaries, as strips, films and a page.

Boundaries are those of runs or of other tools' files; faces are those of seeds, saved latents or
inverted photographs. Everything is rendered before the first file is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ifgan.boundary import Boundary
from ifgan.errors import UserError, circumstance
from ifgan.foreign import SPACES
from ifgan.options import parse
from ifgan.ranges import in_range, one_of
from ifgan.runs import boundaries_at, generator_of, out_folder
from ifgan.seeds import parse_seeds
from ifgan.strip import Course, Strip

if TYPE_CHECKING:
    from ifgan.interface import LoadedGenerator
    from ifgan.strip_render import Faces

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
      range : the first and the last step.
      steps : how many; one more than InterFaceGAN's 10, so that the unedited face is among them.
      layers : rows of w that move: coarse, middle, fine, 4-7; null: those the boundary names.
      row0 : true or false, with row 0 or without, which turns and places a StyleGAN3's face.

    Output
      out : folder for a PNG and a GIF of each strip, edit.html and edit.json.
      size : pixels of a face at the most.
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
        what: dict[str, Any] = {"layers": self.layers, "row0": self.row0}
        return Course.over(self.range, self.steps, mode=self.mode, unit=self.unit, **what)

    @property
    def chosen_seeds(self) -> list[int]:
        """Of faces, where no latents are given."""
        return parse_seeds(self.seeds or _FACES, option="seeds")


_HELP = f"""\
python -m ifgan.edit RUN_OR_FILE… [option=value …]

{Options.__doc__}
Examples
  python -m ifgan.edit outputs/2025-01-01/12-00-00-smile seeds=0-5
  python -m ifgan.edit multirun/age together=true range=-2,2 steps=9
  python -m ifgan.edit age.pt space=w generator=stylegan3_r_ffhq latents=w.npy transforms=t.npy
"""


def edit(places: Sequence[Path], options: Options, generator_options: dict[str, str]) -> list[Path]:
    """Render strips and write all files.

    Returns
    -------
    The files.

    Raises
    ------
    UserError
        If boundaries, faces and generator do not fit each other, or a value is refused.
    """
    if options.mp4:
        from ifgan.report.film import require_encoder

        require_encoder()
    boundaries = boundaries_at(places, space=options.space)
    generator = _generator(places, [*boundaries.values()], options, generator_options)
    boundaries = {name: _fitted(b, generator, options) for name, b in boundaries.items()}
    faces = _faces(generator, [*boundaries.values()], options)
    strips = _strips(generator, boundaries, faces, options)
    from ifgan.edit_files import write

    return write(out_folder(options.out), strips, mp4=options.mp4)


def _generator(
    places: Sequence[Path],
    boundaries: Sequence[Boundary],
    options: Options,
    generator_options: dict[str, str],
) -> LoadedGenerator:
    name, recorded = generator_of(places, boundaries, options.generator)
    from ifgan.interface import load_generator  # torch, only now

    return load_generator(name, device=options.device, **{**recorded, **generator_options})


def _fitted(boundary: Boundary, generator: LoadedGenerator, options: Options) -> Boundary:
    """The boundary, if it is of this generator or allowed on it, and fits."""
    from ifgan import editing
    from ifgan.foreign import centred
    from ifgan.interface import generator_digest

    if (allowed := options.allow_generator) is not None:
        boundary = boundary.allowing(generator_digest(allowed), name=allowed)
    editing.check(generator.network, boundary)
    return centred(boundary, generator.w_avg.cpu().numpy())


def _faces(generator: LoadedGenerator, boundaries: Sequence[Boundary], options: Options) -> Faces:
    """The chosen faces, rendered as those of the first run unless told otherwise."""
    import dataclasses

    from ifgan import chosen_faces
    from ifgan.strip_render import Finish

    recorded = next((b.provenance for b in boundaries if b.provenance.get("truncation_psi")), {})
    psi = options.psi if options.psi is not None else recorded.get("truncation_psi")
    finish = Finish(
        psi=generator.psi if psi is None else psi,
        cutoff=recorded.get("truncation_cutoff"),
        align=recorded.get("align") or "none",
    )
    if options.latents is None:
        return chosen_faces.of_seeds(generator.network, options.chosen_seeds, finish)
    in_z = all(boundary.space == "z" for boundary in boundaries)
    faces = chosen_faces.of_files(
        generator.network,
        _listed(options.latents),
        finish,
        space=options.latents_space or ("z" if in_z else "w"),
        final=options.psi is None,
    )
    if options.transforms is None:
        return faces
    transforms = chosen_faces.transforms_of(_listed(options.transforms), faces)
    return dataclasses.replace(faces, transforms=transforms)


def _strips(
    generator: LoadedGenerator, boundaries: dict[str, Boundary], faces: Faces, options: Options
) -> list[Strip]:
    """One for each boundary, or one along all."""
    from ifgan.progress import Progress
    from ifgan.strip_render import Camera, check_faces, render_strip

    chosen = {name: [boundary] for name, boundary in boundaries.items()}
    if options.together:
        chosen = {" + ".join(boundaries): [*boundaries.values()]}
    for summed in chosen.values():
        check_faces(faces, summed)
    renderings = len(chosen) * (1 + options.steps) * len(faces.names)
    with Progress("edit").track(renderings, "faces") as advance:
        camera = Camera(generator.network, options.size, options.batch_size, advance)
        return [
            render_strip(camera, faces, options.course, summed, title=title)
            for title, summed in chosen.items()
        ]


def _listed(option: str | None) -> list[str]:
    return [name for name in (option or "").split(",") if name]


def main(arguments: Sequence[str] | None = None) -> int:
    """Edit and say what was written; the exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & set(given):
        sys.stdout.write(f"{_HELP}\n")
        return 0
    try:
        own = [a for a in given if a.startswith("generator.") and "=" in a]
        places, options = parse([a for a in given if a not in own], Options)
        places += [
            Path(place).expanduser() for place in (options.boundary or "").split(",") if place
        ]
        if not places:
            raise UserError("give at least one run directory, sweep directory or boundary file.")
        pairs = (a.removeprefix("generator.").partition("=") for a in own)
        written = edit(places, options, {name: value for name, _, value in pairs})
    except Exception as error:
        line = circumstance(error)
        if line is None:
            raise
        sys.stderr.write(f"error: {line}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; nothing was written\n")
        return 130
    sys.stdout.write("written: " + ", ".join(map(str, written)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
