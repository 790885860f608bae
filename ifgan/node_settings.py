"""Settings of the sampler's and the svm's nodes: what a configuration says, nothing left open."""

from __future__ import annotations

from ifgan.classifier_options import Classifier, ScoreFile, framing_of
from ifgan.combinations import LABELLING, method_of
from ifgan.schema import Config, Toyfaces
from ifgan.specs import SamplerSettings, SvmSettings

#: Styles of a direction in S by default: few enough to look at each, which is what S is for
#: (Wu et al., StyleSpace, edit by single channels), and enough for what a classifier sees at once.
_CHANNELS = 10
#: Pixels a side of a stored face, at most: what ``sampler.image_size`` allows.
_LARGEST = 2048


def sampler_settings(config: Config, generator_digest: str) -> SamplerSettings:
    """What a configuration's sampler does, of all its seeds."""
    generator = config.generator
    toyfaces = isinstance(generator, Toyfaces)
    closest = _closest(config)
    return SamplerSettings(
        generator=generator.kind,
        generator_digest=generator_digest,
        resolution=generator.resolution if toyfaces else None,
        precision="float32" if toyfaces else generator.precision,
        class_label=None if toyfaces else generator.class_label,
        exit_resolution=None if toyfaces else generator.exit_resolution,
        num_samples=config.sampler.num_samples,
        seed=config.sampler.seed,
        truncation_psi=config.sampler.truncation_psi,
        truncation_cutoff=config.sampler.truncation_cutoff,
        mixing=config.sampler.mixing,
        align=config.sampler.align,
        image_size=config.sampler.image_size or min(_shown_from(closest), _LARGEST),
        filter=framing_of(closest).filter,  # often they are stored at its size
    )


def _closest(config: Config) -> Classifier:
    """The classifier that looks closest: faces of its size every other can be shown, shrunk.

    A file of scores looks at none, and counts where nobody else does.
    """
    everyone: list[Classifier] = [config.classifier, *config.classifiers.values()]
    looking = [chosen for chosen in everyone if not isinstance(chosen, ScoreFile)]
    return max(looking or everyone, key=_shown_from)


def _shown_from(chosen: Classifier) -> int:
    """Pixels a side of a face whose part that a classifier is shown has all that it takes."""
    return framing_of(chosen).whole(chosen.image_size)


def svm_settings(config: Config, column: str) -> SvmSettings:
    """How a configuration's hyperplane is fitted.

    Parameters
    ----------
    column : what the classifier that scores the attribute calls it.
    """
    attribute, svm = config.attribute, config.svm
    method = method_of(config)
    # A condition may be a quantity, whose regression has no labels.
    labels = svm.labels if method in LABELLING else "threshold"
    return SvmSettings(
        attribute=attribute.name,
        column=column,
        rest=list(attribute.rest),
        kind=attribute.kind,
        method=method,
        space=svm.space,
        layers=svm.layers,
        channels=(svm.channels or _CHANNELS) if svm.space == "s" else None,
        threshold=svm.threshold,
        labels=labels,
        quantiles=[float(share) for share in svm.quantiles] if labels == "quantiles" else None,
        c=svm.c,
        c_grid=[float(c) for c in svm.c_grid],
        folds=svm.folds,
        chosen_num_or_ratio=svm.chosen_num_or_ratio,
        split_ratio=svm.split_ratio,
        seed=svm.seed,
        edit_metric=_edit_metric(config, method),
    )


def _edit_metric(config: Config, method: str) -> str:
    """In W the metric whose edits change less else (docs/evaluation.md); the reference has one."""
    if config.edit.metric != "auto":
        return config.edit.metric
    is_ours_in_w = config.svm.space == "w" and method != "interfacegan"
    return "covariance" if is_ours_in_w else "euclidean"
