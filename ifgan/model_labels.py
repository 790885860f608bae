"""What the classes of a model of ``transformers`` mean, by the names that it has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ifgan.errors import UserError
from ifgan.labels import Label, check_columns, labels_of, numbered

_OPTION = "classifier.labels"
_OUTPUTS = {
    "regression": "values",
    "single_label_classification": "softmax",
    "multi_label_classification": "logits",
}


def class_names(config: Mapping[str, Any]) -> list[str]:
    """Names of a model's columns, in their order; transformers takes two where none are given."""
    given = config.get("id2label")
    if not isinstance(given, Mapping):
        given = {str(i): f"LABEL_{i}" for i in range(int(config.get("num_labels", 2)))}
    try:
        return [str(given[str(column)]) for column in range(len(given))]
    except KeyError as error:
        raise UserError(
            f"classifier.path: id2label of its config.json must name the columns 0 to "
            f"{len(given) - 1}. It has no {error}."
        ) from error


def model_labels(
    config: Mapping[str, Any], given: object, *, outputs: str | None, unit: str
) -> tuple[Label, ...]:
    """Attributes of a model's columns.

    Parameters
    ----------
    config : the model's config.json.
    given : ``{ATTRIBUTE: CLASS}`` or ``{ATTRIBUTE: {column: CLASS, outputs: …, unit: …}}``, a class
        by its name or number; a list of attributes in the order of the columns; None: the
        attributes are the classes.
    outputs : what columns hold that say nothing else; None: by the model's kind. One of classes
        that exclude each other gives the log-odds of each.

    Raises
    ------
    UserError
        If the model has no such class, or ``labels_of`` refuses it.
    """
    names = class_names(config)
    if outputs is None:
        single = "regression" if len(names) == 1 else "single_label_classification"
        outputs = _OUTPUTS.get(str(config.get("problem_type") or single), "softmax")
    if given is None:
        given = names
    elif isinstance(given, Mapping):
        given = {
            name: numbered(f"{_OPTION}.{name}", of, names, "the model has no class")
            for name, of in given.items()
        }
    labels = labels_of(_OPTION, given, outputs=outputs, unit=unit)
    check_columns(_OPTION, labels, len(names), "the model")
    for label in labels:
        if label.outputs == "softmax" and len(names) == 1:
            raise UserError(
                f"{_OPTION}.{label.name}: outputs=softmax needs a model of two classes or more. "
                "Got one. Set outputs=logits, probabilities or values."
            )
    return labels
