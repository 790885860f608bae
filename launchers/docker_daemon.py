"""What the machine has for backend=docker: a daemon that answers, images, GPUs."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifgan.backends import REVISION_LABEL, Docker
from ifgan.errors import UserError
from ifgan.specs import STEPS
from launchers.containers import Mount, docker

#: User and group of the images (``USER`` of components/*/Dockerfile): root's containers are theirs.
_IMAGES_OWN = 1000


@dataclass(frozen=True)
class Owner:
    """Whose the containers' files are; ``inside`` is what the containers are told."""

    uid: int
    gid: int
    inside: str


def caller() -> Owner:
    """Who calls; nothing is asked of docker."""
    if os.getuid() == 0:
        return Owner(_IMAGES_OWN, _IMAGES_OWN, f"{_IMAGES_OWN}:{_IMAGES_OWN}")
    return Owner(os.getuid(), os.getgid(), f"{os.getuid()}:{os.getgid()}")


def owner() -> Owner:
    """Who the containers run as: the caller, or for root the images' own user.

    A daemon without root's rights maps its caller to root, who is nobody outside.

    Raises
    ------
    UserError
        If docker is not installed or does not answer.
    """
    answer = docker("version", "--format", "{{.Server.Version}}")
    if answer.returncode:
        said = " ".join(answer.stderr.split())[-300:].rstrip(".")
        raise UserError(
            f"Docker's daemon does not answer ({said}). Start it (sudo systemctl start docker), or "
            "be allowed to ask it (sudo usermod -aG docker $USER)."
        )
    options = docker("info", "--format", "{{json .SecurityOptions}}").stdout
    found = caller()
    return Owner(found.uid, found.gid, "0:0") if "name=rootless" in options else found


def image_id(step: str, image: str) -> str:
    """Id of a step's image.

    Raises
    ------
    UserError
        If it is not here, or was built of another revision of its step.
    """
    found = docker("image", "inspect", "--format", "{{json .Id}} {{json .Config.Labels}}", image)
    if found.returncode:
        remedy = f"Fetch it: docker pull {image}" if "/" in image else "Build it: " + _BUILD
        raise UserError(f"backend.images.{step}: docker has no image {image}. {remedy}")
    identity, _, labels = found.stdout.strip().partition(" ")
    revision = (json.loads(labels) or {}).get(REVISION_LABEL, str(STEPS[step].revision))
    if revision != str(STEPS[step].revision):
        raise UserError(
            f"backend.images.{step}: {image} has revision {revision} of {step}, and this ifgan has "
            f"{STEPS[step].revision}. Build it again: {_BUILD}"
        )
    return str(json.loads(identity))


def check_readable(mounts: Sequence[Mount], owner: Owner) -> None:
    """Refuse what root can read and its containers, which are not root, can't.

    Raises
    ------
    UserError
        With the command that mends it.
    """
    if os.getuid() != 0 or owner.inside.startswith("0:"):
        return
    for place in (mount.source for mount in mounts if not mount.writable):
        state = place.stat()
        needed = 0o5 if place.is_dir() else 0o4
        if state.st_uid != owner.uid and state.st_mode & needed != needed:
            raise UserError(
                f"{place} must be readable by user {owner.uid}, who root's containers are. Run: "
                f"chmod -R o+rX {shlex.quote(str(place))}"
            )


_BUILD = "python -m ifgan.build_images"


def gpus_of(backend: Docker, step: str) -> str | None:
    """What ``docker create --gpus`` is told for a step; None: nothing.

    Raises
    ------
    UserError
        If the options contradict each other.
    """
    if step == "svm":
        return None  # its image has no torch
    resources = getattr(backend.resources, step)
    if resources.accelerator is not None:
        if backend.gpus == "none":
            raise UserError(
                f"backend.gpus must be auto or all with backend.resources.{step}.accelerator="
                f"{resources.accelerator}. Got none."
            )
        return str(resources.accelerator_count)
    if backend.gpus == "auto":
        return "all" if has_gpus() else None
    return "all" if backend.gpus == "all" else None


def has_gpus() -> bool:
    """Whether this machine has GPUs of NVIDIA's; the second form is that of Windows' Linux."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()
