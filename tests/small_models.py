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
_TEXT = {**_LAYERS, "max_position_embeddings": 77}
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


def clip(folder: Path, *, seed: int = 0) -> Path:
    """A random CLIP for images of 64 pixels, whose tokenizer knows single letters."""
    torch.manual_seed(seed)
    last = _spell(folder)
    text = {**_TEXT, "vocab_size": last + 1, "eos_token_id": last, "bos_token_id": last - 1}
    config = transformers.CLIPConfig(
        text_config={**text, "pad_token_id": last}, vision_config=_VISION, projection_dim=24
    )
    return _save(transformers.CLIPModel(config), folder, "CLIPImageProcessor")


def siglip(folder: Path) -> Path:
    """A random SigLIP for images of 64 pixels, whose tokenizer knows a few words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    torch.manual_seed(1)
    words = ["<pad>", "<unk>", "a", "person", "with", "without", "wearing", "hat", "photo", "of"]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")
    wrapped.save_pretrained(folder)
    config = transformers.SiglipConfig(
        text_config={**_TEXT, "vocab_size": len(words)}, vision_config=_VISION
    )
    model = transformers.SiglipModel(config)
    model.logit_scale.data.fill_(2.0)
    model.logit_bias.data.fill_(-3.0)
    return _save(model, folder, "SiglipImageProcessor")


def _spell(folder: Path) -> int:
    """Files of CLIP's tokenizer that take a text letter by letter; the last token's number."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "CLIPTokenizer"}')
    return len(tokens) - 1
