"""What weights a configuration names: their digests, and what the classifier can score.

Read before anything runs, so that a wrong path or an attribute nobody scores costs no face;
and without torch, so that a run that finds everything in the store starts at once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from ifgan.backends import Remote
from ifgan.classifier_options import (
    CelebaResNet50,
    Classifier,
    Clip,
    HuggingFace,
    Onnx,
    Python,
    ScoreFile,
    speaking_of,
)
from ifgan.downloads import exclusive, fetch
from ifgan.errors import UserError
from ifgan.existing import existing_samples
from ifgan.files import sha256_once
from ifgan.graph import File, Identities, Scorer
from ifgan.header import check_class_label, is_pickle, read_header
from ifgan.partial import writing
from ifgan.progress import Progress
from ifgan.schema import Attribute, Checkpoint, Config, Local, Toyfaces
from ifgan.scorers import scorers
from ifgan.specs import ClassifierSettings


def identify(config: Config, conditions: Sequence[Attribute] = ()) -> Identities:
    """Digests and files of a configuration's generator and classifiers.

    Parameters
    ----------
    conditions : the attributes that ``svm.conditions`` names, which are scored too.

    Raises
    ------
    UserError
        If a file does not exist, can't be had or can't be read, or nobody scores an attribute.
    """
    # Existing samples need no generator: it is neither fetched nor part of any key.
    generator, generator_file = ("", None) if config.sampler.uri else generator_weights(config)
    if generator_file is not None:
        _check_label(config.generator, generator_file)
    existing = _existing(config.sampler.uri, config) if config.sampler.uri else None
    read = functools.partial(_scorer, config, existing)
    scored = scorers(config, [config.attribute, *conditions], read)
    judge, judged = _judge(config)
    return Identities(
        generator_digest=generator,
        generator_file=generator_file,
        scorers=scored,
        judge_digest=judge,
        judged=judged,
        measured=measured(config) if config.evaluation.kind != "none" else {},
        existing=existing,
    )


def _existing(uri: str, config: Config) -> tuple[File, File]:
    """Samples that are there already; platforms import those of a bucket by themselves."""
    return existing_samples(
        uri,
        cache=_store(config) / "downloads",
        here=not isinstance(config.backend, Remote),
        offline=config.dry_run,
    )


def _store(config: Config) -> Path:
    return Path(config.store).expanduser().absolute()


def generator_weights(config: Config) -> tuple[str, File | None]:
    """Digest of the configured generator's weights, and their file; None where they ship.

    A file from elsewhere is downloaded once, a ``.pkl`` converted once.
    """
    generator: Toyfaces | Checkpoint = config.generator
    if isinstance(generator, Toyfaces):
        from ifgan.toyfaces.factors import REVISION

        return f"toyfaces-{REVISION}-{generator.resolution}", None
    file = _fetched("generator.path", generator.path, generator.sha256, config)
    path = file.as_path()
    if is_pickle(path):
        file = _converted(file, _store(config) / "weights")
    else:
        read_header(path)
    return file.sha256, file


def _check_label(generator: Checkpoint, weights: File) -> None:
    settings = read_header(weights.as_path())["settings"]
    num_classes = settings.get("c_dim", 0) if isinstance(settings, dict) else 0
    if type(num_classes) is int:  # what else is wrong with them, reading the network says
        check_class_label(num_classes, generator.class_label)


def _converted(pickle: File, folder: Path) -> File:
    """The network of NVIDIA's pickle as ``.safetensors``, written once for the same bytes."""
    target = folder / f"{pickle.sha256}.safetensors"
    if not target.is_file():
        from ifgan.convert import convert  # torch, only now

        with exclusive(target), writing(target):
            if not target.is_file():
                convert(Path(pickle.path), target, option="generator.path")
    return _file("generator.path", str(target))


Weights = tuple[str, File | None, tuple[str, ...]]  # digest, file, what is scored


def _scorer(
    config: Config,
    existing: tuple[File, File] | None,
    option: str,
    chosen: Classifier,
    attributes: Sequence[Attribute],
) -> Scorer:
    """One of the configured classifiers; ``attributes`` are those that it is to score."""
    with speaking_of(option):
        if isinstance(chosen, ScoreFile | HuggingFace | Clip):
            settings, weights, columns = _described(config, existing, chosen, attributes)
            return Scorer(option, chosen, weights.sha256, columns, weights, settings)
        digest, file, columns = _classifier_weights(chosen, config)
        return Scorer(option, chosen, digest, columns, file)


def _described(
    config: Config,
    existing: tuple[File, File] | None,
    chosen: ScoreFile | HuggingFace | Clip,
    attributes: Sequence[Attribute],
) -> tuple[ClassifierSettings, File, tuple[str, ...]]:
    """Settings, which only the file or the model says, weights, and what is scored."""
    store, offline = _store(config), config.dry_run
    if isinstance(chosen, ScoreFile):
        from ifgan.score_files import run_seeds, score_file

        file = _fetched("classifier.path", chosen.path, None, config)
        return score_file(chosen, file, run_seeds(config.sampler, existing), store=store)
    from ifgan.model_identities import clip, huggingface

    if isinstance(chosen, HuggingFace):
        return huggingface(chosen, config.backend, store=store, offline=offline)
    return clip(chosen, attributes, config.backend, store=store, offline=offline)


def _classifier_weights(classifier: Classifier, config: Config) -> Weights:
    if isinstance(classifier, Onnx):
        from ifgan.onnx_checks import check_scores

        labels = classifier.described()
        file = _fetched("classifier.path", classifier.path, classifier.sha256, config)
        check_scores(file, classifier.preprocessing(), labels, option="classifier.path")
        return file.sha256, file, tuple(label.name for label in labels)
    if isinstance(classifier, CelebaResNet50):
        from ifgan.celeba import ATTRIBUTES

        file = _celeba_weights(classifier, config)
        return file.sha256, file, ATTRIBUTES
    if isinstance(classifier, Python):
        return _function(classifier, config)
    digest, columns = _shipped(classifier.kind)
    return digest, None, columns


def _celeba_weights(classifier: CelebaResNet50, config: Config) -> File:
    from ifgan.celeba_weights import usable

    option = "classifier.path"
    given = _fetched(option, classifier.path, classifier.sha256, config)
    folder = _store(config) / "weights"
    return _file(
        option, str(usable(given.as_path(), sha256=given.sha256, option=option, folder=folder))
    )


def _function(classifier: Python, config: Config) -> Weights:
    if not isinstance(config.backend, Local):
        raise UserError(
            f"classifier=python runs a function of this machine's, so it needs backend=local. Got "
            f"backend={config.backend.kind}. Export its network to ONNX (docs/classifiers.md) and "
            "take classifier=onnx, which goes into every image."
        )
    from ifgan.classifiers.python import check
    from ifgan.devices import resolve
    from ifgan.functions import find, identity

    labels = classifier.described()
    function, file = find("classifier.function", classifier.function)
    device = resolve(config.backend.device)
    check(function, labels, image_size=classifier.image_size, device=device)
    return identity(file, classifier.version), None, tuple(label.name for label in labels)


def _fetched(option: str, address: str, sha256: str | None, config: Config) -> File:
    """The file that an option names; one from elsewhere is downloaded once."""
    path = fetch(
        address,
        option=option,
        sha256=sha256,
        cache=_store(config) / "downloads",
        progress=Progress("download"),
        offline=config.dry_run,
    )
    return _file(option, str(path))


def measured(config: Config) -> dict[str, File]:
    """Files of the networks that say how like itself an edited face stays, checked.

    Raises
    ------
    UserError
        If a file can't be had, or its network is none for its measure.
    """
    found = {}
    for name, network in config.evaluation.networks().items():
        from ifgan.onnx_checks import check_distance, check_embedding

        option = network.option if network.sha256 is None else f"{network.option}.path"
        found[name] = _fetched(option, network.path, network.sha256, config)
        check = check_embedding if name == "identity" else check_distance
        check(found[name], network.preprocessing, option=network.option)
    return found


def _judge(config: Config) -> tuple[str | None, tuple[str, ...]]:
    return (
        (None, ()) if config.evaluation.kind == "none" else _shipped(config.evaluation.classifier)
    )


def _shipped(kind: str) -> tuple[str, tuple[str, ...]]:
    """Digest and columns of a classifier that comes with ifgan."""
    import ifgan.toyfaces
    from ifgan.toyfaces.factors import FACTORS

    weights = Path(ifgan.toyfaces.__file__).with_name(f"{kind}.safetensors")
    return sha256_once(weights), tuple(factor.name for factor in FACTORS)


def _file(option: str, given: str) -> File:
    path = Path(given).expanduser().absolute()
    if not path.is_file():
        raise UserError(f"{option} must be an existing file. Got {given}.")
    try:
        return File(str(path), sha256_once(path))
    except OSError as error:
        raise UserError(f"{option}: {given} can't be read ({error.strerror}).") from error
