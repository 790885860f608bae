"""``transformers``: the one module that imports it.

Weights come from safetensors alone, and code only from the installed package unless a model's own
was asked for. Images go through in groups of one size, the last one padded, so that a result does
not depend on the batch.

Shape legend: N images, H pixels a side.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ifgan.errors import UserError
from ifgan.groups import IMAGES, exact, in_groups
from ifgan.image_processor import ImageProcessor
from ifgan.images import normalised, resize
from ifgan.model_files import OPTION, check_installed


def load_model(folder: Path, *, kind: str, auto: str, trust_remote_code: bool = False) -> Any:
    """A model from its directory, in float32 and evaluation mode.

    Parameters
    ----------
    kind : of the classifier, for messages.
    auto : transformers' class that reads it, "AutoModelForImageClassification" or "AutoModel".
    trust_remote_code : let Python code in the directory run.

    Raises
    ------
    UserError
        If transformers is not installed, can't read it, or finds weights missing.
    """
    with _transformers(kind) as transformers:
        model, found = getattr(transformers, auto).from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = sorted(map(str, [*found["missing_keys"], *found["mismatched_keys"]]))
    if missing:
        raise UserError(
            f"{OPTION} must hold all weights of {type(model).__name__}. {len(missing)} are "
            f"missing or of another shape, '{missing[0]}' first: is it a model without its head?"
        )
    return model.eval()


def load_tokenizer(folder: Path, *, kind: str) -> Any:
    """The tokenizer of a model's directory."""
    with _transformers(kind) as transformers:
        return transformers.AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )


def engine() -> str:
    """What runs models here, which decides the last bit of a result."""
    import transformers

    return f"transformers {transformers.__version__}"


@torch.inference_mode()
def call_model(
    call: Callable[[Tensor], Tensor],
    images: Tensor,
    processor: ImageProcessor,
    device: torch.device,
) -> Tensor:
    """What a model gives for images.

    Parameters
    ----------
    call : of the model, with what ``prepared`` makes of images.
    images : (N, 3, H, H) in [-1, 1], anywhere.
    device : of the model.

    Returns
    -------
    (N, …) on the CPU; TensorFloat-32 is off.
    """
    with exact():
        return in_groups(
            lambda group: call(prepared(group.to(device), processor)).cpu(), images, size=IMAGES
        )


def prepared(images: Tensor, processor: ImageProcessor) -> Tensor:
    """(N, 3, H, H) images in [-1, 1] as a model takes them."""
    images = resize(images.float(), processor.resized)
    first = (processor.resized - processor.cropped) // 2
    kept = slice(first, first + processor.cropped)
    return normalised(images[..., kept, kept], processor.preprocessing)


@torch.inference_mode()
def try_model(call: Callable[[Tensor], Tensor], processor: ImageProcessor) -> Tensor:
    """What a model gives for one image.

    Parameters
    ----------
    call : of the model, with what ``prepared`` makes of images; nothing of ours, whose bugs would
        pass as its own.

    Raises
    ------
    UserError
        If it fails.
    """
    size = processor.resized
    pixels = prepared(torch.zeros(1, 3, size, size), processor)
    try:
        return call(pixels)
    except Exception as error:  # of transformers, or of a model with code of its own
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{OPTION} fails on an image of {size} pixels ({said}).") from error


@contextlib.contextmanager
def _transformers(kind: str) -> Iterator[Any]:
    """The package, silent, and what it raises as one line."""
    check_installed(kind)
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield transformers
    except Exception as error:  # of transformers, safetensors, or a missing package
        said = " ".join(str(error).split())
        if "trust_remote_code" in said:
            raise UserError(
                f"{OPTION} needs Python code of its own, which is not run. If you trust it, set "
                "classifier.trust_remote_code=true; or export the model to ONNX."
            ) from error
        raise UserError(
            f"{OPTION} can't be read by transformers ({type(error).__name__}: {said[:200]})."
        ) from error
