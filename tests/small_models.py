"""Small models of transformers, saved as it saves them, built on the spot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

_LAYERS = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
_VISION = {**_LAYERS, "image_size": 64, "patch_size": 16}


def classifier(
    folder: Path, names: Sequence[str] = ("plain", "happy"), *, problem: str | None = None
) -> Path:
    """A random ViT that tells classes apart, for images of 64 pixels."""
    torch.manual_seed(3)
    model = transformers.ViTForImageClassification(
        transformers.ViTConfig(
            **_VISION, id2label=dict(enumerate(names)), problem_type=problem, initializer_range=0.3
        )
    )
    return _save(model, folder, "ViTImageProcessor")


def _save(model: Any, folder: Path, processor: str) -> Path:
    transformers.logging.disable_progress_bar()
    model.save_pretrained(folder)
    about = {
        "image_processor_type": processor,
        "size": {"height": 64, "width": 64},
        "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.25, 0.3],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(about))
    return folder


def own_code(folder: Path) -> None:
    """Turn a saved model into one that brings its code, which leaves a trace when it runs."""
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {
        "AutoConfig": "own.OwnConfig",
        "AutoModelForImageClassification": "own.OwnModel",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(
        f"""
import pathlib
from transformers import ViTConfig, ViTForImageClassification

pathlib.Path({str(folder / "ran")!r}).touch()

class OwnConfig(ViTConfig):
    model_type = "own"

class OwnModel(ViTForImageClassification):
    config_class = OwnConfig
"""
    )
