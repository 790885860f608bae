"""`python -m ifgan.edit RUN_OR_FILE…`: faces moved along boundaries, as strips, films and a page.

Boundaries are those of runs or of other tools' files; faces are those of seeds, saved latents or
inverted photographs. Everything is rendered before the first file is written.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ifgan.boundary import Boundary
from ifgan.edit_options import HELP, Options, listed
from ifgan.errors import UserError
from ifgan.options import command, parse
from ifgan.places import boundaries_at, generator_of, out_folder

if TYPE_CHECKING:
    from ifgan.interface import LoadedGenerator
    from ifgan.strip import Strip
    from ifgan.strip_render import Faces


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
    chosen = _chosen(boundaries, faces, options)
    folder = out_folder(options.out)
    strips = _strips(generator, chosen, faces, options)
    for boundary in boundaries.values():
        _say_unit_length(boundary)
    from ifgan.edit_files import write

    return write(folder, strips, mp4=options.mp4)


def _say_unit_length(boundary: Boundary) -> None:
    foreign = boundary.provenance.get("foreign")
    if foreign is not None and abs(foreign["length"] - 1) > 1e-3:
        sys.stderr.write(
            f"{foreign['file']}: of length {foreign['length']:.3g}, made a unit vector\n"
        )


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

    recorded = next((b.provenance for b in boundaries if b.provenance.get("truncation_psi")), {})
    finish = chosen_faces.recorded_finish(recorded, psi=generator.psi)
    if options.psi is not None:
        finish = finish._replace(psi=options.psi)
    if options.latents is None:
        return chosen_faces.of_seeds(generator.network, options.chosen_seeds, finish)
    in_z = all(boundary.space == "z" for boundary in boundaries)
    faces = chosen_faces.of_files(
        generator.network,
        listed(options.latents),
        finish,
        space=options.latents_space or ("z" if in_z else "w"),
        final=options.psi is None,
    )
    if options.transforms is None:
        return faces
    transforms = chosen_faces.transforms_of(listed(options.transforms), faces)
    return dataclasses.replace(faces, transforms=transforms)


def _chosen(
    boundaries: dict[str, Boundary], faces: Faces, options: Options
) -> dict[str, list[Boundary]]:
    """The boundaries of each strip, by its title: one of them, or all together."""
    from ifgan.strip_render import check_faces

    chosen = {name: [boundary] for name, boundary in boundaries.items()}
    if options.together:
        chosen = {" + ".join(boundaries): [*boundaries.values()]}
    for summed in chosen.values():
        check_faces(faces, options.course, summed)
    return chosen


def _strips(
    generator: LoadedGenerator, chosen: dict[str, list[Boundary]], faces: Faces, options: Options
) -> list[Strip]:
    from ifgan.progress import Progress
    from ifgan.strip_render import Camera, render_strip

    renderings = len(chosen) * (1 + options.steps) * len(faces.names)
    with Progress("edit").track(renderings, "faces") as advance:
        camera = Camera(generator.network, options.size, options.batch_size, advance)
        return [
            render_strip(camera, faces, options.course, summed, title=title)
            for title, summed in chosen.items()
        ]


def _run(arguments: list[str]) -> str:
    own = [a for a in arguments if a.startswith("generator.") and "=" in a]
    places, options = parse([a for a in arguments if a not in own], Options)
    places += [Path(name).expanduser() for name in listed(options.boundary)]
    if not places:
        raise UserError("give at least one run directory, sweep directory or boundary file.")
    pairs = (a.removeprefix("generator.").partition("=") for a in own)
    written = edit(places, options, {name: value for name, _, value in pairs})
    return f"written: {', '.join(map(str, written))}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Edit and say what was written; the exit code."""
    return command(arguments, HELP, _run, interrupted="no file is half-written")


if __name__ == "__main__":
    sys.exit(main())
