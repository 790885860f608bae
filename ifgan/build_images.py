"""`python -m ifgan.build_images`: the images of the three steps, from components/*/Dockerfile.

The context of a build is the checkout, of which .dockerignore sends the package alone; where
ifgan was installed from a wheel, it is a copy of the package. Every image says in its labels
which step it is of, and of which revision, so that no container of older code fills a store with
what looks like the newer code's work.
"""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ifgan import paths
from ifgan.backends import REVISION_LABEL
from ifgan.errors import UserError, choices
from ifgan.provision.plan import Command, command
from ifgan.ranges import matches
from ifgan.specs import STEPS


@dataclass(frozen=True)
class Build:
    """How images are built.

    Parameters
    ----------
    base_image : a Debian or Ubuntu with Python 3.11 or newer and its venv; null: that which the
        Dockerfiles name, python:3.12-slim-bookworm.
    torch_index : package index of another build of torch; null: pip's own, which is for CUDA.
    wheels : a folder of wheels to install from, for machines without a package index; null: none.
    registry : HOST/PATH, to be pushed to; null: none, and images are called ifgan-<step>.
    tag : of all images.
    """

    base_image: str | None = None
    torch_index: str | None = None
    wheels: str | None = None
    registry: str | None = None
    tag: str = "latest"

    def __post_init__(self) -> None:
        name = r"[a-z0-9][A-Za-z0-9._/:@-]{0,300}"
        matches("base_image", self.base_image, name, example="python:3.12-slim-bookworm")
        matches("torch_index", self.torch_index, r"https://[\w./-]+", example="https://HOST/PATH")
        matches("registry", self.registry, r"[a-z0-9][a-z0-9._/:-]{0,200}", example="HOST/PATH")
        matches("tag", self.tag, r"\w[\w.-]{0,127}", example="latest")

    def references(self) -> dict[str, str]:
        """Name and tag of each step's image."""
        prefix = f"{self.registry}/" if self.registry else "ifgan-"
        return {step: f"{prefix}{step}:{self.tag}" for step in STEPS}


_HELP = f"""\
python -m ifgan.build_images [option=value …]

Builds the images that backend=docker runs, {", ".join(Build().references().values())}, and
prints each command.

{Build.__doc__}"""


def build_commands(build: Build, *, folder: Path) -> list[Command]:
    """Builds of all images from the sources below ``folder``; see ``context``."""
    arguments = []
    if build.base_image:
        arguments.append(f"--build-arg=BASE_IMAGE={build.base_image}")
    if build.wheels:  # an address on this machine, which only its own network reaches
        arguments += [f"--build-arg=WHEELS={build.wheels}", "--network=host"]
    torch = [f"--build-arg=TORCH_INDEX={build.torch_index}"] if build.torch_index else []
    return [
        command(
            *("docker", "build", "--file", f"components/{step}/Dockerfile", "--tag", reference),
            f"--label={REVISION_LABEL}={STEPS[step].revision}",
            *arguments,
            *(torch if step != "svm" else []),
            ".",
            folder=str(folder),
        )
        for step, reference in build.references().items()
    ]


def checkout() -> Path | None:
    """The checkout that this package is used from; None where it was installed."""
    folder = paths.shipped("components").parent
    return folder if (folder / ".dockerignore").is_file() else None


@contextlib.contextmanager
def context() -> Iterator[Path]:
    """A folder with ifgan/ and components/ to build from."""
    if (found := checkout()) is not None:
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="ifgan-build-") as scratch:
        package = Path(__file__).parent
        unwanted = shutil.ignore_patterns("_data", "__pycache__")
        shutil.copytree(package, Path(scratch, "ifgan"), ignore=unwanted)
        shutil.copytree(paths.shipped("components"), Path(scratch, "components"))
        yield Path(scratch)


def build_images(build: Build) -> None:
    """Build all images, with docker's own output.

    Raises
    ------
    UserError
        If docker is not there, or a build fails.
    """
    with context() as folder, served(build.wheels) as wheels:
        for step in build_commands(replace(build, wheels=wheels), folder=folder):
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
            try:
                done = subprocess.run(step.arguments, cwd=folder, stdin=subprocess.DEVNULL)
            except FileNotFoundError as error:
                raise UserError(
                    "docker is not installed: docs.docker.com/engine/install"
                ) from error
            if done.returncode != 0:
                image = step.arguments[step.arguments.index("--tag") + 1]
                raise UserError(
                    f"the image {image} was not built: docker ended with {done.returncode}, for "
                    "the reason above. Mend that and run the same command again."
                )


@contextlib.contextmanager
def served(folder: str | None) -> Iterator[str | None]:
    """The address of a folder's files for the containers of a build on this machine.

    Wheels that were sent with the context instead would stay in a layer of the image.
    """
    if folder is None:
        yield None
        return
    if not Path(folder).is_dir():
        raise UserError(f"wheels must be a folder of wheels, of pip download. Got {folder}.")
    handler = functools.partial(_Silent, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pip says what it downloads."""


def parse(arguments: Sequence[str]) -> Build:
    """Options of ``name=value`` arguments.

    Raises
    ------
    UserError
        On an unknown option, or a value that is not allowed.
    """
    known: Mapping[str, object] = Build.__dataclass_fields__
    given: dict[str, str | None] = {}
    for argument in arguments:
        name, separator, value = argument.partition("=")
        if not separator:
            raise UserError(f"can't read '{argument}': write option=value.")
        if name not in known:
            raise UserError(f"there is no option '{name}'. {choices(known, name)}")
        if value not in ("", "null"):
            given[name] = value
    return Build(**given)  # type: ignore[arg-type]


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the images that the options ask for."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & set(given):
        sys.stdout.write(f"{_HELP}\n")
        return 0
    try:
        build_images(parse(given))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what was built is reused when you run it again\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
