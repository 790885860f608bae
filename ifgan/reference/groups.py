"""The groups of the configuration and their choices: what conf/ and the schema say together."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from omegaconf import MISSING, OmegaConf

from ifgan import paths
from ifgan.reference.fields import Option, allowed, default_of, options
from ifgan.schema import SCHEMAS, Config

#: An object of each class whose values are all allowed, to try wrong ones on.
_EXAMPLES: Mapping[str, Any] = {
    "kind": "binary",
    "labels": ["smile"],
    "function": "my_module:score",
    "num_samples": 10_000,
}


@dataclass(frozen=True)
class Table:
    """Options that some choices of a group have in common.

    Parameters
    ----------
    choices : that have them; empty: whatever is chosen.
    rows : each option with what it may be.
    """

    choices: tuple[str, ...]
    rows: tuple[tuple[Option, str], ...]


def names() -> list[str]:
    """The groups that have options, in the order of the configuration."""
    return [name for name, hint in get_type_hints(Config).items() if _schemas(name, hint)]


def tables(group: str) -> list[Table]:
    """The options of a group; what several choices have alike stands once, before their own."""
    schemas = _schemas(group, get_type_hints(Config)[group])
    having: dict[tuple[Option, str], list[str]] = {}
    for choice, schema in schemas.items():
        for row in _rows(group, choice, schema):
            having.setdefault(row, []).append(choice)
    shared: dict[tuple[str, ...], list[tuple[Option, str]]] = {}
    for row, choices in having.items():
        shared.setdefault(tuple(choices), []).append(row)
    found = [(choices, tuple(rows)) for choices, rows in shared.items()]
    ordered = sorted(found, key=lambda table: -len(table[0]))
    return [Table(() if len(c) == len(schemas) else c, rows) for c, rows in ordered]


def top() -> Table:
    """The options that are in no group."""
    defaults = _settings("config")
    groups = names()
    rows = [
        (option, allowed_below("", option, Config, defaults))
        for option in options(Config, defaults)
        if option.name.partition(".")[0] not in groups
    ]
    return Table((), tuple(rows))


def intro(group: str) -> str:
    """What a group is about: the first paragraph of its class."""
    schemas = [*_schemas(group, get_type_hints(Config)[group]).values()]
    parents = [parent for parent in schemas[0].__mro__ if parent is not object]
    about = parents[-1] if len(schemas) > 1 else parents[0]
    return " ".join(inspect.cleandoc(about.__doc__ or "").partition("\n\n")[0].split())


def choices(group: str) -> Iterator[tuple[str, str]]:
    """Every choice of a group and the sentence that its file in conf/ begins with."""
    for file in sorted(paths.shipped("conf").glob(f"{group}/*.yaml")):
        lines = file.read_text(encoding="utf-8").splitlines()
        comments = [line[1:].strip() for line in lines if line.startswith("#")]
        first, *others = [line for line in comments if not line.startswith("@package")] or [""]
        for line in others:
            if first.endswith(".") or not line[0].islower():
                break
            first += f" {line}"
        yield file.stem, first


def _schemas(group: str, hint: Any) -> dict[str, type]:
    """The dataclasses of a group by choice; of one that all choices share, under no name."""
    if group in SCHEMAS:
        return SCHEMAS[group]
    return {"": hint} if dataclasses.is_dataclass(hint) and isinstance(hint, type) else {}


def _rows(group: str, choice: str, schema: type) -> Iterator[tuple[Option, str]]:
    defaults = _settings(f"{group}/{choice or _chosen(group)}")
    shown = {} if group == "attribute" else defaults  # each has its own
    for option in options(schema, shown):
        if option.field == "kind" and group != "attribute":
            continue  # is the choice
        common = _common(option, schema)
        yield common, allowed_below(group, option, schema, defaults)


def _common(option: Option, schema: type) -> Option:
    """The option as of the class that it was inherited from, so that siblings' are equal."""
    if option.owner is not schema:
        return option
    owners = [
        parent for parent in schema.__mro__ if option.field in inspect.get_annotations(parent)
    ]
    return dataclasses.replace(option, owner=owners[0])


def allowed_below(group: str, option: Option, schema: type, defaults: Mapping[str, Any]) -> str:
    """``fields.allowed`` on an object of the option's class as the defaults make it."""
    given = defaults if option.owner is schema else {}
    values = {
        field.name: _allowed_value(field, given) for field in dataclasses.fields(option.owner)
    }
    return allowed(option, option.owner(**values))


def _allowed_value(field: dataclasses.Field[Any], given: Mapping[str, Any]) -> Any:
    value = given.get(field.name, default_of(field))
    if value == MISSING or (isinstance(value, str) and value.startswith("${")):
        return _EXAMPLES.get(field.name, {"str": "x", "int": 64}.get(str(field.type), 1.0))
    return value


def _settings(file: str) -> dict[str, Any]:
    """What a file of conf/ sets, references as they stand."""
    path = paths.shipped("conf") / f"{file}.yaml"
    if not path.is_file():
        return {}
    tree = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(tree, dict)
    return {str(name): value for name, value in tree.items() if name not in ("defaults", "hydra")}


def _chosen(group: str) -> str:
    """What conf/config.yaml chooses in a group."""
    path = paths.shipped("conf") / "config.yaml"
    for entry in OmegaConf.load(path).defaults:
        if not isinstance(entry, str) and group in entry:
            return str(entry[group])
    return ""
