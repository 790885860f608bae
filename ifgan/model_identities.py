"""What a model of ``transformers`` is and scores: found out before a face is rendered.

Torch and transformers are imported only for models that were not yet tried on this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from ifgan import paths
from ifgan.backends import Backend
from ifgan.classifier_options import Clip, HuggingFace
from ifgan.digest import digest
from ifgan.errors import UserError
from ifgan.graph import File
from ifgan.image_processor import ImageProcessor
from ifgan.labels import as_text
from ifgan.model_files import (
    OPTION,
    TOKENIZER,
    check_installed,
    check_tokenizer,
    files_of,
    identity,
    read_config,
    read_processor,
)
from ifgan.model_labels import model_labels
from ifgan.model_source import clean_copy, find
from ifgan.partial import writing
from ifgan.prompts import Prompts
from ifgan.prompts import as_text as prompts_as_text
from ifgan.schema import Attribute, Local
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
    folder = find(
        chosen.path,
        revision=chosen.revision,
        extra=extra,
        cache=store / "downloads",
        offline=offline,
    )
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


def clip(
    chosen: Clip, wanted: Sequence[Attribute], backend: Backend, *, store: Path, offline: bool
) -> Identified:
    """Settings, directory and columns of ``classifier=clip``.

    Parameters
    ----------
    wanted : what is searched for, and its conditions. All shipped attributes are scored besides,
        so that those of a sweep share one pass.
    offline : take what is there, contact nothing.

    Raises
    ------
    UserError
        If the model is not there or is none, or an attribute has no prompts.
    """
    check_installed(chosen.kind)
    prompts = {each.name: each for each in _shipped()}
    prompts |= {each.name: each for each in map(_prompts, wanted)}
    folder = find(
        chosen.path,
        revision=chosen.revision,
        extra=TOKENIZER,
        cache=store / "downloads",
        offline=offline,
    )
    kind = read_config(folder).get("model_type")
    if kind not in ("clip", "siglip"):
        raise UserError(f"{OPTION} must be a CLIP or a SigLIP. Got model_type={kind}.")
    check_image_size(folder, chosen.image_size)
    check_tokenizer(folder)
    files = files_of(folder, kind="", extra=TOKENIZER)
    settings = ClassifierSettings(
        classifier=chosen.kind,
        classifier_digest=identity(files),
        prompts=prompts_as_text([*prompts.values()], chosen.templates),
    )

    def check() -> None:
        from ifgan.classifiers.clip import check

        check(settings, folder)

    _once(check, settings, store)
    file = travelling(files, settings.classifier_digest, backend, store=store)
    return settings, file, tuple(prompts)


def _prompts(attribute: Attribute) -> Prompts:
    if attribute.positive is None or attribute.negative is None:
        raise UserError(
            f"attribute '{attribute.name}' needs prompts for classifier=clip, both positive and "
            "negative. Put them into its file, or add attribute.positive='a person …' "
            "attribute.negative='a person …'."
        )
    return Prompts(attribute.column("clip"), attribute.positive, attribute.negative)


def _shipped() -> list[Prompts]:
    """Of the attributes that come with ifgan."""
    from omegaconf import DictConfig, OmegaConf

    found = []
    for path in sorted((paths.shipped("conf") / "attribute").glob("*.yaml")):
        given = cast(DictConfig, OmegaConf.load(path))
        if given.get("positive") is not None:
            whole = OmegaConf.merge(OmegaConf.structured(Attribute), given)
            found.append(_prompts(cast(Attribute, OmegaConf.to_object(whole))))
    return found


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
