"""Options that do not go together: refused, or said to have no effect, before anything runs."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ifgan.errors import UserError
from ifgan.schema import Attribute, Config, Svm, Toyfaces

log = logging.getLogger(__name__)

#: Methods that fit labels and leave the choice of them open.
LABELLING = ("linear", "logistic")


class Called(NamedTuple):
    """What an attribute is to the classifier that scores it, which messages call ``classifier``."""

    classifier: str
    column: str


def check_space(config: Config) -> None:
    """Refuse what no face needs to be rendered for to see, and name what has no effect."""
    sampler, svm = config.sampler, config.svm
    if svm.space == "s" and config.edit.metric == "covariance":
        raise UserError(
            "edit.metric=covariance needs svm.space=w or svm.space=z: a boundary in S moves a few "
            "styles by choice. Got svm.space=s. Set edit.metric=euclidean, or another space."
        )
    if sampler.uri:
        if sampler.mixing:
            log.warning("sampler.mixing has no effect with sampler=existing.")
    elif svm.space == "s" and isinstance(config.generator, Toyfaces):
        raise UserError(
            "svm.space=s needs a generator with styles, a StyleGAN2 or StyleGAN3. Got "
            "generator=toyfaces. Set svm.space=w or svm.space=z, or another generator."
        )
    elif svm.space != "s" and sampler.mixing and svm.layers is None:
        raise UserError(
            f"svm.space={svm.space} with sampler.mixing=true needs svm.layers, since each group of "
            "rows has a latent of its own. Set svm.layers=coarse, middle or fine; -m takes several."
        )
    elif svm.space != "s" and svm.layers is not None and not sampler.mixing:
        raise UserError(
            f"svm.layers={svm.layers} needs sampler.mixing=true: without it all rows of w are "
            "equal and every choice gives the same boundary. Leave it out; edits choose layers."
        )
    if svm.channels is not None and svm.space != "s":
        log.warning("svm.channels has no effect in svm.space=%s.", svm.space)
    if svm.c is not None and svm.method != "interfacegan" and svm.space == "s":
        log.warning("svm.c has no effect in svm.space=s, whose fit has no regularisation.")
    if svm.method in ("ridge", "logistic") and svm.space == "s":
        log.warning(
            "svm.method=%s has no effect in svm.space=s, whose styles are ranked alike.", svm.method
        )


def method_of(config: Config) -> str:
    """``svm.method``, auto resolved by the attribute's kind."""
    if config.svm.method != "auto":
        return config.svm.method
    return "linear" if config.attribute.kind == "binary" else "regression"


def check_labels(config: Config, called: Called) -> None:
    """Refuse labels where a fit has none or has its own, and a quantity that is one of classes."""
    attribute, svm, method = config.attribute, config.svm, method_of(config)
    own = {"interfacegan": ("threshold", "ends")}.get(method, ("threshold",))
    if method not in LABELLING and svm.labels not in own:
        why = "takes both ends" if method == "interfacegan" else "fits values, not labels"
        raise UserError(
            f"svm.labels={svm.labels} needs svm.method=linear or svm.method=logistic: {method} "
            f"{why}. Leave svm.labels out, or set svm.method."
        )
    if svm.labels != "quantiles" and svm.quantiles != Svm().quantiles:
        log.warning("svm.quantiles has no effect without svm.labels=quantiles.")
    if not attribute.rest:
        return
    if attribute.kind != "binary":
        raise UserError(
            "attribute.rest needs attribute.kind=binary: a class against the others is present or "
            f"not. Got attribute.kind={attribute.kind}. Leave attribute.rest out."
        )
    if called.column in attribute.rest:
        raise UserError(
            "attribute.rest must name the other columns of the softmax. Got "
            f"'{called.column}', which is "
            f"attribute '{attribute.name}' itself. Leave it out."
        )


def check_conditions(
    config: Config, conditions: Sequence[Attribute], called: Callable[[Attribute], Called]
) -> None:
    """Refuse conditions that are the attribute itself, or each other, and those of fits in S.

    What only the fits can tell, that two attributes have one direction, the svm step finds.

    Parameters
    ----------
    called : says what each attribute is in the classifier that scores it.
    """
    if conditions and config.svm.space == "s":
        raise UserError(
            "svm.conditions needs svm.space=w or svm.space=z: a boundary in S moves a few styles "
            "by choice. Got svm.space=s."
        )
    taken = {called(config.attribute): config.attribute.name}
    for attribute in conditions:
        name, own = attribute.name, called(attribute)
        if name == config.attribute.name:
            raise UserError(
                f"svm.conditions must name attributes other than the one that is fitted. Got "
                f"'{name}' with attribute={name}. Leave it out."
            )
        if own in taken:
            raise UserError(
                f"svm.conditions must name attributes that the classifier tells apart. Got "
                f"'{name}', which is '{taken[own]}' to {own.classifier} (column '{own.column}'). "
                "Leave one of them out."
            )
        taken[own] = name


def as_condition(config: Config, attribute: Attribute) -> Config:
    """The configuration of the fit that a condition is.

    All options but those that speak of the primal's own scores: its threshold.
    """
    svm = dataclasses.replace(config.svm, conditions=[], threshold=None)
    return dataclasses.replace(config, attribute=attribute, svm=svm)
