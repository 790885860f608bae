"""Where a model of ``transformers`` is: a directory here, or a name on huggingface.co."""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ifgan.downloads import exclusive
from ifgan.errors import UserError
from ifgan.model_files import OPTION, PROCESSORS, WEIGHTS
from ifgan.partial import writing

log = logging.getLogger(__name__)


def find(path: str, *, revision: str | None, extra: Sequence[str], offline: bool) -> Path:
    """The directory of a model; one of huggingface.co is downloaded into its own cache, once.

    Parameters
    ----------
    path : a directory, or OWNER/NAME.
    revision : commit, tag or branch on huggingface.co; None: what is newest.
    extra : patterns of files beside configuration, preprocessing and weights.
    offline : take what is there, contact nothing; ``HF_HUB_OFFLINE=1`` says the same.

    Raises
    ------
    UserError
        If there is no such directory or model, or it can't be had.
    """
    folder = Path(path).expanduser().absolute()
    if folder.is_dir():
        if revision is not None:
            log.warning("%s is a directory: its classifier's revision has no effect.", path)
        return folder
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        raise UserError(
            f"{OPTION} must be an existing directory, or OWNER/NAME of huggingface.co. Got {path}."
        )
    from huggingface_hub import snapshot_download

    try:
        # Names, not *.safetensors: many models carry the same weights in several precisions.
        wanted = ["config.json", *PROCESSORS, *WEIGHTS, "model-*-of-*.safetensors", *extra]
        found = snapshot_download(
            path, revision=revision, allow_patterns=wanted, local_files_only=offline
        )
    except Exception as error:  # of its own, of httpx and of the operating system
        said = " ".join(str(error).split()).rstrip(".")[:160]
        at = "" if revision is None else f" at classifier.revision={revision}"
        raise UserError(
            f"{OPTION}: {path} is no directory here, and not to be had from huggingface.co{at} "
            f"({type(error).__name__}: {said}). Check the name and the network, or copy the "
            f"model's files into a directory and set {OPTION} to that."
        ) from error
    if revision is None:
        log.warning(
            "%s is taken as of commit %s; its classifier's revision=%s pins it.",
            path,
            Path(found).name[:12],
            Path(found).name,
        )
    return Path(found)


def clean_copy(files: Sequence[Path], target: Path) -> Path:
    """A directory of these files and no others, made once; in the hub's cache they are links."""
    with exclusive(target), writing(target):
        if not target.is_dir():
            scratch = target.with_name(f"{target.name}.part")
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir()
            for path in files:
                shutil.copyfile(path, scratch / path.name)
            scratch.replace(target)
    return target
