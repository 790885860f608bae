"""Where a model of ``transformers`` is: a directory here or in a bucket, or on huggingface.co.

<cache>/<12 digits of the URI>/<12 of the listing>/     the files that are read, of a bucket
"""

from __future__ import annotations

import fnmatch
import hashlib
import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from ifgan import storage
from ifgan.downloads import exclusive
from ifgan.errors import UserError
from ifgan.listings import listed, listing_identity
from ifgan.model_files import OPTION, PROCESSORS, WEIGHTS
from ifgan.partial import writing
from ifgan.progress import Progress

log = logging.getLogger(__name__)


def find(
    path: str, *, revision: str | None, extra: Sequence[str], cache: Path, offline: bool
) -> Path:
    """The directory of a model; one from elsewhere is downloaded once.

    Parameters
    ----------
    path : a directory, gs://… or s3://…, or OWNER/NAME, which has a cache of its own.
    revision : commit, tag or branch on huggingface.co; None: what is newest.
    extra : patterns of files beside configuration, preprocessing and weights.
    cache : directory of finished downloads.
    offline : take what is there, contact nothing; ``HF_HUB_OFFLINE=1`` says the same.

    Raises
    ------
    UserError
        If there is no such directory or model, or it can't be had.
    """
    # Names, not *.safetensors: many models carry the same weights in several precisions.
    wanted = ["config.json", *PROCESSORS, *WEIGHTS, "model-*-of-*.safetensors", *extra]
    folder = Path(path).expanduser().absolute()
    is_remote = re.match("(gs|s3)://", path, re.IGNORECASE)
    if (folder.is_dir() or is_remote) and revision is not None:
        log.warning("%s is a directory: its classifier's revision has no effect.", path)
    if is_remote:
        return _of_bucket(path, wanted, cache=cache, offline=offline)
    if folder.is_dir():
        return folder
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        raise UserError(
            f"{OPTION} must be an existing directory, gs://… or s3://…, or OWNER/NAME of "
            f"huggingface.co. Got {path}."
        )
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            path, revision=revision, allow_patterns=wanted, local_files_only=offline
        )
    except Exception as error:  # its own, httpx's or requests'; only its code is tried
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


def _of_bucket(uri: str, wanted: Sequence[str], *, cache: Path, offline: bool) -> Path:
    """The files of a directory in a bucket that are read, and no others."""
    address = str(storage.Address.parse(uri, option=OPTION))
    base = cache / hashlib.sha256(address.encode()).hexdigest()[:12]
    listing = listed(address, base, option=OPTION, offline=offline)
    if "config.json" not in listing:
        raise UserError(
            f"{OPTION} must be a directory with config.json, as transformers' save_pretrained "
            f"writes it. Got {uri}."
        )
    if not listing.keys() & {*WEIGHTS}:
        found = sorted(name for name in listing if name.endswith((".bin", ".pt")))
        raise UserError(
            f"{OPTION} must hold model.safetensors: weights in pickles are not read. {uri} has "
            f"{found[0] if found else 'no weights'}. See docs/classifiers.md."
        )
    only = {
        name: stored
        for name, stored in listing.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted) and "/" not in name
    }
    folder = base / listing_identity(only)[:12]
    if folder.is_dir():
        return folder
    if offline:
        raise UserError(
            f"{OPTION}: {uri} is not here yet, and a dry run contacts nothing. Run without dry_run "
            "first, or set it to a copy on this machine."
        )
    progress = Progress("download")
    storage.download_tree(address, folder, option=OPTION, progress=progress, only=only)
    return folder


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
