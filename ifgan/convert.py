"""`python -m ifgan.convert in.pkl out.safetensors`: NVIDIA's checkpoints into our layout.

Done once, at a desk: everything else reads the result, so that no container sees a pickle. Nothing
in the `.pkl` is executed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ifgan.errors import UserError
from ifgan.files import sha256


def convert(source: Path, target: Path, *, force: bool = False, option: str = "IN") -> list[str]:
    """Write the generator of a `.pkl` checkpoint as `.safetensors`.

    ``option`` is what ``source`` comes from, for messages.

    Returns
    -------
    Lines that say what was read and the digest of what was written.

    Raises
    ------
    UserError
        If the checkpoint is refused, or the target exists without ``force``.
    OSError
        If the target cannot be written; nothing of it is left.
    """
    _check_target(target, force=force)
    from ifgan.generators.checkpoint import write_checkpoint  # torch, only now
    from ifgan.generators.families import family_of
    from ifgan.generators.pickles import read_pickle_checkpoint

    settings, state_dict = read_pickle_checkpoint(source, option=option)
    write_checkpoint(target, settings, state_dict)
    parameters = sum(tensor.numel() for tensor in state_dict.values())
    return [
        f"read     {source}",
        f"family   {family_of(settings)}{_config(settings)}",
        f"images   {settings.img_resolution} x {settings.img_resolution}",
        f"latents  z {settings.z_dim}, w {settings.num_ws} rows of {settings.w_dim}"
        + (f", {settings.c_dim} classes" if settings.c_dim else ""),
        f"weights  {parameters:,} in {len(state_dict)} tensors",
        f"written  {target}",
        f"sha256   {sha256(target)}",
    ]


def _check_target(target: Path, *, force: bool) -> None:
    if target.suffix != ".safetensors":
        raise UserError(f"OUT must be named *.safetensors; got '{target}'. Change its name.")
    if not target.parent.is_dir():
        raise UserError(f"OUT must be in an existing directory; got '{target}'. Create it first.")
    if target.is_dir() or (target.exists() and not force):
        raise UserError(f"OUT must not exist yet; '{target}' does. Pass --force to replace a file.")


def _config(settings: object) -> str:
    """StyleGAN3's two configurations: T translates, R also rotates."""
    kernel = getattr(settings, "conv_kernel", None)
    radial = getattr(settings, "use_radial_filters", None)
    if (kernel, radial) == (3, False):
        return ", config T"
    return ", config R" if (kernel, radial) == (1, True) else ""


def main(argv: list[str] | None = None) -> None:
    """The command line."""
    summary = "Convert a StyleGAN2 or StyleGAN3 .pkl by NVIDIA to .safetensors, executing nothing."
    parser = argparse.ArgumentParser(prog="python -m ifgan.convert", description=summary)
    parser.add_argument("source", metavar="IN", type=Path, help="the .pkl checkpoint")
    parser.add_argument("target", metavar="OUT", type=Path, help="the .safetensors file to write")
    parser.add_argument("--force", action="store_true", help="replace OUT if it exists")
    options = parser.parse_args(argv)
    try:
        lines = convert(options.source, options.target, force=options.force)
    except UserError as error:
        parser.exit(1, f"{error}\n")
    except OSError as error:
        said = f"'{options.target}' is not: {error.strerror}"
        parser.exit(1, f"OUT must be a file that can be written; {said}. Choose another place.\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
