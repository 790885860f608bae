"""The steps that build the images, push them, and write down what they became.

The configuration that is written takes the place of conf/backend/<backend>.yaml: so
``backend=vertex`` is enough from then on, and its images are pinned by digest.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ifgan import __version__
from ifgan.build_images import Build, build_commands, checkout
from ifgan.errors import UserError
from ifgan.provision.apply import output_of
from ifgan.provision.options import Options
from ifgan.provision.plan import Command, Step, command

Settings = Callable[[], Mapping[str, str]]


def user_folder() -> Path:
    """Where a user's own configuration lies."""
    return Path.home() / ".config" / "ifgan"


def push_images(options: Options, settings: Settings) -> Sequence[Step]:
    """Build and push the image of every step, then write the backend's configuration.

    Parameters
    ----------
    settings : gives what else the configuration says of the backend, once all else is done.
    """
    references = _build(options).references()
    place = user_folder() / "backend" / f"{options.backend}.yaml"
    return [
        Step(
            "Let docker push to the registry",
            [
                command(
                    *("gcloud", "auth", "configure-docker"),
                    *(f"{options.location}-docker.pkg.dev", "--quiet"),
                )
            ],
        ),
        Step("Build the images", _builds(options)),
        Step(
            "Push the images",
            [command("docker", "push", reference) for reference in references.values()],
        ),
        Step(
            "Write down the images' digests",
            call=functools.partial(
                write_configuration, place, options, settings, references=references
            ),
            said=[f"# into {_home(place)}, which backend={options.backend} then reads"],
        ),
    ]


def write_configuration(
    place: Path,
    options: Options,
    settings: Settings,
    *,
    references: Mapping[str, str],
) -> str:
    """Write the backend's YAML with the digests that the registry gave; a line that says where."""
    import yaml  # type: ignore[import-untyped]

    content = {
        **settings(),
        "pipeline_root": options.pipeline_root,
        "service_account": _account(options),
        "images": {step: _pinned(reference) for step, reference in references.items()},
    }
    found = {name: value for name, value in content.items() if value is not None}
    head = (
        f"# Written by python -m ifgan.provision backend={options.backend}.\n"
        f"defaults:\n  - /hydra/schema/backend/{options.backend}@_here_\n\n"
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.partial")
    partial.write_text(head + yaml.safe_dump(found, sort_keys=False))
    partial.replace(place)
    return f"written {_home(place)}"


def _account(options: Options) -> str | None:
    """On Kubeflow the tasks' account is the cluster's own, which acts as Google's."""
    return options.service_account if options.backend == "vertex" else None


def _pinned(reference: str) -> str:
    """NAME@sha256:… of an image that was pushed."""
    repository = reference.rpartition(":")[0]
    form = "{{range .RepoDigests}}{{println .}}{{end}}"
    digests = output_of(command("docker", "image", "inspect", "--format", form, reference))
    for line in digests.splitlines():
        if re.fullmatch(rf"{re.escape(repository)}@sha256:[0-9a-f]{{64}}", line.strip()):
            return line.strip()
    raise UserError(
        f"docker knows no digest of {reference}. Push it again: docker push {reference}"
    )


def _home(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _build(options: Options) -> Build:
    return Build(registry=options.registry, tag=__version__, torch_index=options.torch_index)


def _builds(options: Options) -> Sequence[Command]:
    folder = checkout()
    if folder is None:
        raise UserError(
            "images are built from a checkout of ifgan, and this one was installed. Clone it, pip "
            "install -e . there, and run the same command."
        )
    return build_commands(_build(options), folder=folder)
