"""What a model of ``transformers`` is and scores: found out before a face is rendered.

Torch and transformers are imported only for models that were not yet tried on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ifgan.backends import Backend
from ifgan.classifier_options import HuggingFace
from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.graph import File
from ifgan.image_processor import ImageProcessor
from ifgan.labels import as_text
from ifgan.model_files import (
    OPTION,
    check_installed,
    files_of,
    identity,
    read_config,
    read_processor,
)
from ifgan.model_labels import model_labels
from ifgan.model_source import clean_copy, find
from ifgan.partial import writing
from ifgan.schema import Local
from ifgan.specs import ClassifierSettings, settings_to_dict

Identified = tuple[ClassifierSettings, File, tuple[str, ...]]


def huggingface(chosen: HuggingFace, backend: Backend, *, store: Path, offline: bool) -> Identified:
    """Settings, directory and columns of ``classifier=huggingface``.

    Parameters
    ----------
    offline : take what is there, contact nothing.

    Raises
    ------
    UserError
        If the model is not there, is none, or is not what the options say.
    """
    check_installed(chosen.kind)
    extra = ("*.py",) if chosen.trust_remote_code else ()
    folder = find(chosen.path, revision=chosen.revision, extra=extra, offline=offline)
    config = read_config(folder)
    architectures = config.get("architectures")
    if architectures and not any("ImageClassification" in str(name) for name in architectures):
        raise UserError(
            f"{OPTION} must be an image classifier of transformers, …ForImageClassification. Got "
            f"{', '.join(map(str, architectures))}."
        )
    labels = model_labels(config, chosen.labels, outputs=chosen.outputs, unit=chosen.unit)
    check_image_size(folder, chosen.image_size)
    files = files_of(folder, kind="ForImageClassification", extra=extra)
    settings = ClassifierSettings(
        classifier=chosen.kind,
        classifier_digest=identity(files),
        labels=as_text(labels),
        trust_remote_code=chosen.trust_remote_code or None,
    )

    def check() -> None:
        from ifgan.classifiers.huggingface import check

        check(settings, folder)

    _once(check, settings, store)
    file = travelling(files, settings.classifier_digest, backend, store=store)
    return settings, file, tuple(label.name for label in labels)


def check_image_size(folder: Path, given: int) -> None:
    """Refuse faces of another size than a model's preprocessing resizes to."""
    wanted = ImageProcessor.of(read_processor(folder)).resized
    if given != wanted:
        raise UserError(
            f"classifier.image_size must be {wanted}, which the model's preprocessing resizes to. "
            f"Got {given}. Add classifier.image_size={wanted}."
        )


def travelling(files: Sequence[Path], sha256: str, backend: Backend, *, store: Path) -> File:
    """What a graph imports: the directory itself, or for a container a copy of what is read."""
    if isinstance(backend, Local):
        return File(str(files[0].parent), sha256, folder=True)
    return File(str(clean_copy(files, store / "weights" / sha256)), sha256, folder=True)


def _once(check: Callable[[], None], settings: ClassifierSettings, store: Path) -> None:
    """Try what a model is, once for the same bytes and options."""
    note = store / "weights" / f"{digest(settings_to_dict(settings))}.tried"
    if not note.is_file():
        check()
        with writing(note):
            note.parent.mkdir(parents=True, exist_ok=True)
            note.touch()
