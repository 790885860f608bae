"""The options of a group as their dataclass has them: name, type, default, what it does.

Nothing is written down a second time: an option is explained by the comment on its line, or by the
``Parameters`` of its class, which is why every field has either.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import MISSING

from ifgan.errors import UserError

_WORDS: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Any: "text, list or mapping",
}


@dataclass(frozen=True)
class Option:
    """One row of the page.

    Parameters
    ----------
    name : below its group, ``resources.STEP.cpu``.
    kind : its type in words.
    default : as YAML has it; None: it must be given.
    says : what it does.
    hint : its type; owner : the class that has it; field : its name there.
    """

    name: str
    kind: str
    default: str | None
    says: str
    hint: Any
    owner: type
    field: str


def options(schema: type, defaults: Mapping[str, Any]) -> Iterator[Option]:
    """The options of a dataclass, those of a dataclass in it with its name before theirs.

    Parameters
    ----------
    defaults : what conf/ gives instead of the schema's own.
    """
    hints, said = get_type_hints(schema), explanations(schema)
    for field in dataclasses.fields(schema):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            yield from _within(field.name, hint)
            continue
        default = defaults.get(field.name, default_of(field))
        yield Option(
            name=field.name,
            kind=in_words(hint),
            default=None if default == MISSING else as_yaml(default),
            says=said.get(field.name, ""),
            hint=hint,
            owner=schema,
            field=field.name,
        )


def _within(name: str, schema: Any) -> Iterator[Option]:
    """Of a dataclass inside another; one that has the same for every step stands once."""
    inner = get_type_hints(schema)
    kinds = {*inner.values()}
    if len(inner) > 1 and len(kinds) == 1 and dataclasses.is_dataclass(kind := kinds.pop()):
        name, schema = f"{name}.STEP", kind
    for option in options(schema, {}):
        yield dataclasses.replace(option, name=f"{name}.{option.name}")


def default_of(field: dataclasses.Field[Any]) -> Any:
    """A field's default; MISSING where it must be given."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return MISSING if field.default is dataclasses.MISSING else field.default


def in_words(hint: Any) -> str:
    """A type such as ``list[float] | None``."""
    if get_origin(hint) is UnionType:
        kinds = [in_words(kind) for kind in get_args(hint) if kind is not NoneType]
        return " or ".join([*kinds, "null"])
    if get_origin(hint) is list:
        [item] = get_args(hint)
        return f"list of {'mapping' if dataclasses.is_dataclass(item) else in_words(item)}s"
    if get_origin(hint) is dict:
        return "mapping"
    return _WORDS[hint]


def as_yaml(value: Any) -> str:
    """A default as a person types it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return "''" if value == "" else str(value)


def explanations(schema: type) -> dict[str, str]:
    """What each field of a dataclass does, by name; its own words before those of its parents."""
    found: dict[str, str] = {}
    for parent in reversed(schema.__mro__):
        if dataclasses.is_dataclass(parent):
            source = textwrap.dedent(inspect.getsource(parent))
            found.update(_parameters(parent.__doc__ or ""))
            found.update(_comments(source))
    return found


def _comments(source: str) -> dict[str, str]:
    """The comment on the first line of each field."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {
        token.start[0]: token.string.removeprefix("#").strip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    [tree] = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    return {
        node.target.id: comments[node.lineno]
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.lineno in comments
    }


def _parameters(docstring: str) -> dict[str, str]:
    """``memory, disk : quantities …`` of a numpydoc section, for each of the names."""
    _, found, section = inspect.cleandoc(docstring).partition("Parameters\n----------\n")
    entries = re.findall(r"^(\w[\w, ]*) : (.*(?:\n {4}.*)*)", section, flags=re.MULTILINE)
    return {
        name.strip(): " ".join(text.split()).rstrip(".")
        for names, text in entries
        for name in names.split(",")
        if found
    }


def allowed(option: Option, example: Any) -> str:
    """What an option may be, in the words in which its schema refuses all else.

    Values that nobody means are tried, one after the other; what is refused says the rule.

    Parameters
    ----------
    example : an object of the option's class whose values are all allowed.
    """
    rules = []
    for value in _wrong_values(option.hint):
        try:
            changed = dataclasses.replace(example, **{option.field: value})
            if hasattr(changed, "check"):
                changed.check(option.field)
        except UserError as error:
            rule = _rule(option.field, str(error))
            if rule and get_origin(option.hint) is dict:
                rule = f"{'names' if '?!' in value else 'values'} {rule}"
            rules.append(rule)
    return "; ".join(dict.fromkeys(filter(None, rules)))


def _wrong_values(hint: Any) -> tuple[Any, ...]:
    kinds = [hint, *get_args(hint)]
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if lists:
        numbers = float in get_args(lists[0])
        return ([-1e30], [1e30], []) if numbers else (["?!", "?!"], [], ["?!"])
    if any(get_origin(kind) is dict for kind in kinds):
        return ({"?!": "x"}, {"x": "?!"}, {"X": "?!"})
    if float in kinds:
        return (-1e30, 1e30, float("nan"))
    if int in kinds:
        return (-(10**30), 10**30)
    if str in kinds:
        return (" ", "?!")
    return () if bool in kinds else ("?!", {"?!": 1})


def _rule(field: str, error: str) -> str | None:
    """The allowed part of a refusal of this option; None of another's."""
    named = re.match(rf"(?:[\w.]+\.)?{field}(?:\.\S+)? (.*)", error)
    if not named:
        return None
    if known := re.search(
        r"(has no key .*)?Choose one of: (.*?)\.?(?: Did you mean .*)?$", named[1]
    ):
        choices, *more = re.split(r"\.? Or ", known[2])
        keys = "keys " if known[1] else ""
        return " or ".join([keys + ", ".join(f"`{name}`" for name in choices.split(", ")), *more])
    said = re.sub(r"\.? Got .*", "", named[1]).rstrip(".")
    said = re.sub(r"^must (be |consist of |hold |name |each have )?", "", said)
    said = re.sub(r"in the range \[(\S+), (\S+)\]", r"\1 to \2", said)
    return re.sub(r"\.0\b", "", said)
