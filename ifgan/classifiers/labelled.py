"""What the columns of a network or a function from elsewhere become: scores of attributes.

Scores are log-odds where an attribute is present or absent, whatever is given: of a probability p
log(p / (1 - p)), with p at least 1e-7 from 0 and from 1; of class k before a softmax its score less
the logarithm of the sum of exponentials of all others, which is the log-odds of the softmax.

Shape legend: N images, C columns that are given, A attributes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ifgan.artifacts import Float32
from ifgan.classifiers.base import Column
from ifgan.errors import UserError
from ifgan.labels import Label

_CERTAIN = 1e-7  # from 0 and from 1: single precision tells no more probabilities apart


def columns_of(labels: Sequence[Label]) -> tuple[Column, ...]:
    """Meaning of the scores, in the order of the labels."""
    return tuple(
        Column(label.name, "value", label.unit)
        if label.outputs == "values"
        else Column(label.name, "logit", "", 0.0)
        for label in labels
    )


def scores_of(given_NC: Float32, labels: Sequence[Label]) -> Float32:
    """(N, A) scores from the columns of a network."""
    exact_NC = given_NC.astype(np.float64)
    found = []
    for label in labels:
        column_N = exact_NC[:, label.column]
        if label.outputs == "probabilities":
            outside = column_N[(column_N < -_CERTAIN) | (column_N > 1 + _CERTAIN)]
            if len(outside):
                raise UserError(
                    f"classifier.labels.{label.name}: outputs=probabilities must lie from 0 to 1. "
                    f"Got {outside[0]:.4g}. Set outputs=logits, softmax or values."
                )
            p_N = column_N.clip(_CERTAIN, 1 - _CERTAIN)
            column_N = np.log(p_N) - np.log1p(-p_N)
        elif label.outputs == "softmax":
            column_N = column_N - np.logaddexp.reduce(
                np.delete(exact_NC, label.column, axis=1), axis=1
            )
        found.append(column_N)
    return np.stack(found, axis=1).astype(np.float32)
