"""`python -m ifgan.attributes [--json]`: what each attribute is called in every classifier.

Attributes are the files of conf/attribute/ and of a user's own: conf.local/attribute/ where one
works, then ~/.config/ifgan/attribute/. A classifier that scores other attributes has a dash.
--json gives the same, every classifier by itself, and both prompts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from ifgan import paths
from ifgan.celeba import ATTRIBUTES
from ifgan.classifier_options import CLASSIFIERS
from ifgan.errors import UserError, choices
from ifgan.options import command
from ifgan.schema import Attribute
from ifgan.toyfaces.factors import FACTORS

_FACTORS = tuple(factor.name for factor in FACTORS)
#: What the classifiers score whose columns do not depend on a file or on options.
_SCORED: Mapping[str, tuple[str, ...]] = {
    "toyfaces": _FACTORS,
    "toyfaces_biased": _FACTORS,
    "celeba_resnet50": ATTRIBUTES,
}
_KINDS = (*_SCORED, *(kind for kind in CLASSIFIERS if kind not in _SCORED))
_NOTE = (
    "A column is what the classifier calls the attribute, - where it does not score it.\n"
    "Classifiers from elsewhere score what their file or classifier.labels names so; clip is\n"
    "asked for its words."
)


def read_attributes() -> dict[str, Attribute]:
    """All attributes by what ``attribute=`` calls them; a user's own file stands before ours.

    Raises
    ------
    UserError
        If a file can't be read, or is no attribute.
    """
    found: dict[str, Path] = {}
    for folder in (*paths.user_conf(), paths.shipped("conf")):
        for file in folder.glob("attribute/*.yaml"):
            found.setdefault(file.stem, file)
    read = {choice: _read(file) for choice, file in sorted(found.items())}
    return {choice: attribute for choice, attribute in read.items() if attribute is not None}


def _read(file: Path) -> Attribute | None:
    """One file, None if it leaves the name open, as that of attribute=custom does.

    Hydra, which takes its time, is asked only where a file builds on others.
    """
    import yaml  # type: ignore[import-untyped]
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        given = OmegaConf.load(file)
        if "defaults" in given:
            from ifgan.compose import attributes

            return attributes([file.stem], option=str(file))[0]
        if OmegaConf.is_missing(given, "name"):
            return None
        return cast(
            Attribute, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(Attribute), given))
        )
    except (OSError, ValueError, yaml.YAMLError, OmegaConfBaseException) as error:
        said = str(error) if isinstance(error, UserError) else " ".join(str(error).split())[:200]
        raise UserError(f"{file} must be an attribute: {said}") from error


def called_in(attribute: Attribute) -> dict[str, str | None]:
    """Its column in every classifier; None where that scores others."""
    found = {}
    for kind in _KINDS:
        column = attribute.column(kind)
        known = _SCORED.get(kind, (column,))
        if kind == "clip" and None in (attribute.positive, attribute.negative):
            known = ()
        found[kind] = column if column in known else None
    return found


def table(attributes: Mapping[str, Attribute]) -> str:
    """Attributes and classifiers; those that agree on every attribute share a column."""
    called = {choice: called_in(attribute) for choice, attribute in attributes.items()}
    for choice, attribute in attributes.items():
        if called[choice]["clip"]:
            called[choice]["clip"] = attribute.positive  # what it is asked for
    shared: dict[tuple[str, ...], list[str]] = {}
    for kind in _KINDS:
        shared.setdefault(tuple(one[kind] or "-" for one in called.values()), []).append(kind)
    columns = [
        ("attribute", *attributes),
        ("kind", *(attribute.kind for attribute in attributes.values())),
        *((", ".join(kinds), *cells) for cells, kinds in shared.items()),
    ]
    widths = [max(map(len, column)) for column in columns]
    rows = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*columns, strict=True)
    ]
    return "\n".join([*rows, "", _NOTE])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(arguments, str(__doc__), _run, interrupted="nothing was written")


def _run(given: list[str]) -> str:
    for argument in given:
        if argument != "--json":
            raise UserError(f"there is no option '{argument}'. {choices(['--json'], argument)}")
    attributes = read_attributes()
    if not given:
        return table(attributes)
    described = {
        choice: {
            "kind": attribute.kind,
            "called": called_in(attribute),
            "positive": attribute.positive,
            "negative": attribute.negative,
        }
        for choice, attribute in attributes.items()
    }
    return json.dumps(described, indent=1)


if __name__ == "__main__":
    sys.exit(main())
