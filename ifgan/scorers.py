"""Who scores which attribute, where a run has several classifiers.

The configuration has one classifier without a name, ``classifier``, and any number of named ones,
``classifiers.NAME``. An attribute is scored by the first of

1. the one that ``attribute.classifier`` names;
2. the one whose ``attributes`` list it;
3. the named one without such a list that has a column for it;
4. ``classifier``, whatever else it scores.

Two at one level are refused. What a job's attributes do not ask is no part of its keys, and what
they can't ask, because a list says so, is not even looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ifgan.classifier_options import Classifier, Clip
from ifgan.errors import UserError, choices
from ifgan.graph import Scorer
from ifgan.schema import Attribute, Config

#: Finds out what a classifier is: by its option, its options, and the attributes that it scores.
Read = Callable[[str, Classifier, Sequence[Attribute]], Scorer]


def scorers(config: Config, attributes: Sequence[Attribute], read: Read) -> dict[str, Scorer]:
    """Who scores each of some attributes, by the attribute's name.

    Raises
    ------
    UserError
        If nobody does, or it is not clear who.
    """
    assignment = _Assignment(config, read)
    chosen = {attribute.name: assignment.option_for(attribute) for attribute in attributes}
    found = {}
    for option in dict.fromkeys(chosen.values()):
        own = [attribute for attribute in attributes if chosen[attribute.name] == option]
        scorer = assignment.scorer(option, own)
        for attribute in own:
            _check(scorer, attribute)
            found[attribute.name] = scorer
    return found


class _Assignment:
    """The classifiers by option, each read once."""

    def __init__(self, config: Config, read: Read) -> None:
        named = {f"classifiers.{name}": chosen for name, chosen in config.classifiers.items()}
        self.named: dict[str, Classifier] = named
        self.all: dict[str, Classifier] = {"classifier": config.classifier, **named}
        self.read = read
        self.known: dict[str, Scorer] = {}

    def option_for(self, attribute: Attribute) -> str:
        """Where the classifier of an attribute is configured."""
        if attribute.classifier is not None:
            option = f"classifiers.{attribute.classifier}"
            if option not in self.named:
                raise self._unnamed(attribute)
            return option
        listing = [
            option
            for option, chosen in self.all.items()
            if attribute.name in (chosen.attributes or ())
        ]
        able = listing or [
            option
            for option, chosen in self.named.items()
            if chosen.attributes is None and self._scores(option, attribute)
        ]
        if len(able) > 1:
            raise UserError(
                f"attribute '{attribute.name}' is scored by {' and '.join(able)}. Choose one: list "
                f"the attribute in the attributes of that one alone, as in {able[0]}.attributes="
                f"[{attribute.name}], or set attribute.classifier=NAME."
            )
        return able[0] if able else "classifier"

    def _scores(self, option: str, attribute: Attribute) -> bool:
        if isinstance(self.named[option], Clip):  # anything that there are words for
            return None not in (attribute.positive, attribute.negative)
        scorer = self.scorer(option, ())
        return not _lacking(scorer, attribute)

    def scorer(self, option: str, attributes: Sequence[Attribute]) -> Scorer:
        """What a classifier is; that of one which reads texts depends on the attributes."""
        if option not in self.known:
            self.known[option] = self.read(option, self.all[option], attributes)
        return self.known[option]

    def _unnamed(self, attribute: Attribute) -> UserError:
        given = attribute.classifier or ""
        names = [option.removeprefix("classifiers.") for option in self.named]
        advice = choices(names, given) if names else f"Add +classifier@classifiers.{given}=KIND."
        return UserError(
            f"attribute.classifier of '{attribute.name}' must be one of the names in classifiers. "
            f"Got '{given}'. {advice}"
        )


def _lacking(scorer: Scorer, attribute: Attribute) -> list[str]:
    """The columns that an attribute needs and a classifier has not."""
    needed = (scorer.called(attribute).column, *attribute.rest)
    return [column for column in needed if column not in scorer.columns]


def _check(scorer: Scorer, attribute: Attribute) -> None:
    for column in _lacking(scorer, attribute)[:1]:
        if attribute.classifier is not None:
            advice = "Or set attribute.classifier=null."
        elif scorer.chosen.attributes and attribute.name in scorer.chosen.attributes:
            advice = f"Or leave it out of {scorer.option}.attributes."
        else:
            advice = "Or take another classifier with classifier=…"
        raise UserError(
            f"attribute '{attribute.name}' is not scored by {scorer.title} (no column '{column}'). "
            f"{choices(scorer.columns, column)} {advice}"
        )
