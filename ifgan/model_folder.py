"""A model as ``transformers`` saves it: a directory here, or a name on huggingface.co.

    config.json, preprocessor_config.json, model.safetensors, …

Of a directory only the files that are read count, and only these travel. Weights in pickles
(``pytorch_model.bin``) are refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ifgan.downloads import exclusive
from ifgan.errors import UserError
from ifgan.files import read_json, sha256_once
from ifgan.partial import writing

log = logging.getLogger(__name__)

OPTION = "classifier.path"
_INDEX = "model.safetensors.index.json"
_WEIGHTS = ("model.safetensors", _INDEX)
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
#: What a tokenizer may be read from.
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
)
_CONVERT = (
    "python -c \"from transformers import AutoModel{kind} as M; M.from_pretrained('{path}')"
    ".save_pretrained('OUT')\" writes safetensors; copy its other .json files beside them"
)


def check_installed(kind: str) -> None:
    """Refuse a classifier that needs ``transformers`` where that is not installed."""
    if importlib.util.find_spec("transformers") is None:
        raise UserError(
            f"classifier={kind} needs transformers, which is not installed: pip install "
            '"ifgan[huggingface]"'
        )


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
            log.warning("classifier.revision has no effect on a directory.")
        return folder
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", path):
        raise UserError(
            f"{OPTION} must be an existing directory, or OWNER/NAME of huggingface.co. Got {path}."
        )
    from huggingface_hub import snapshot_download

    try:
        # Names, not *.safetensors: many models carry the same weights in several precisions.
        wanted = ["config.json", *_PROCESSORS, *_WEIGHTS, "model-*-of-*.safetensors", *extra]
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
            "%s is taken as of commit %s; classifier.revision=%s pins it.",
            path,
            Path(found).name[:12],
            Path(found).name,
        )
    return Path(found)


def read_config(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """A JSON object of a model's directory.

    Raises
    ------
    UserError
        If it is not there, or no JSON object.
    """
    try:
        return read_json(folder / name)
    except FileNotFoundError as error:
        raise UserError(
            f"{OPTION} must be a directory with {name}, as transformers' save_pretrained writes "
            f"it. Got {folder}."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{OPTION}: {folder / name} can't be read ({error}).") from error


def read_processor(folder: Path) -> dict[str, Any]:
    """What the model takes an image as."""
    if not (folder / _PROCESSORS[0]).is_file() and (folder / _PROCESSORS[1]).is_file():
        found = read_config(folder, _PROCESSORS[1]).get("image_processor")
        if isinstance(found, dict):
            return found
    return read_config(folder, _PROCESSORS[0])


def files_of(folder: Path, *, kind: str, extra: Sequence[str]) -> list[Path]:
    """The files that are read, in order of their names.

    Parameters
    ----------
    kind : ending of the transformers class that reads it, for messages.
    extra : patterns of others.

    Raises
    ------
    UserError
        If there are no weights in safetensors, or some are missing.
    """
    if (folder / _WEIGHTS[0]).is_file():
        weights = [_WEIGHTS[0]]
    elif (folder / _INDEX).is_file():
        parts = read_config(folder, _INDEX).get("weight_map")
        names = set(parts.values()) if isinstance(parts, dict) else set()
        weights = [_INDEX, *sorted(str(name) for name in names)]
    else:
        bad = sorted(path.name for path in folder.glob("*") if path.suffix in (".bin", ".pt"))
        advice = _CONVERT.format(kind=kind, path=folder) if bad else "See docs/classifiers.md"
        raise UserError(
            f"{OPTION} must hold model.safetensors: weights in pickles are not read. {folder} has "
            f"{bad[0] if bad else 'no weights'}. {advice}."
        )
    for name in weights:
        if "/" in name or not (folder / name).is_file():
            raise UserError(f"{OPTION}: {folder} lacks {name}, which its {_INDEX} names.")
    others = [path for pattern in (*_PROCESSORS, *extra) for path in folder.glob(pattern)]
    return sorted({folder / "config.json", *(folder / name for name in weights), *others})


def identity(files: Sequence[Path]) -> str:
    """Hexadecimal SHA-256 over names and bytes."""
    content = [(path.name, sha256_once(path)) for path in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


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
