"""A model as ``transformers`` saves it: which files of a directory are read, and what is in them.

    config.json, preprocessor_config.json, model.safetensors, …

Of a directory only the files that are read count, and only these travel. Weights in pickles
(``pytorch_model.bin``) are refused.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ifgan.errors import UserError
from ifgan.files import read_json, sha256_once

OPTION = "classifier.path"
_INDEX = "model.safetensors.index.json"
WEIGHTS = ("model.safetensors", _INDEX)
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
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
    if not (folder / PROCESSORS[0]).is_file() and (folder / PROCESSORS[1]).is_file():
        found = read_config(folder, PROCESSORS[1]).get("image_processor")
        if isinstance(found, dict):
            return found
    return read_config(folder, PROCESSORS[0])


def check_tokenizer(folder: Path) -> None:
    """Refuse a directory without a tokenizer: transformers would take an empty one."""
    has = {name for name in TOKENIZER if (folder / name).is_file()}
    if not has & {"tokenizer.json", "spiece.model"} and not has >= {"vocab.json", "merges.txt"}:
        raise UserError(
            f"{OPTION} must hold a tokenizer: tokenizer.json, spiece.model, or vocab.json and "
            f"merges.txt. {folder} has none."
        )


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
    if (folder / WEIGHTS[0]).is_file():
        weights = [WEIGHTS[0]]
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
    others = [path for pattern in (*PROCESSORS, *extra) for path in folder.glob(pattern)]
    return sorted({folder / "config.json", *(folder / name for name in weights), *others})


def identity(files: Sequence[Path]) -> str:
    """Hexadecimal SHA-256 over names and bytes."""
    content = [(path.name, sha256_once(path)) for path in files]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
