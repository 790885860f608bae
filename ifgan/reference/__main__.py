"""`python -m ifgan.reference`: print the page of every option, docs/configuration.md.

Names, types and defaults are the schema's; what an option does is the comment on its line there;
what it may be is what the schema says when it refuses something else. To write the page anew:

  python -m ifgan.reference > docs/configuration.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from ifgan.errors import UserError, choices
from ifgan.options import command
from ifgan.reference import groups
from ifgan.reference.fields import Option
from ifgan.reference.groups import Table

_INTRO = """\
# Every option

<!-- Written by `python -m ifgan.reference > docs/configuration.md`; a test holds the two equal. -->

An option is `group.name=value` on the command line, a choice is `group=choice`:

```bash
python -m ifgan attribute=age svm.space=z svm.c=0.001 sampler.num_samples=20000
```

`python -m ifgan --cfg job` shows the values that a command line comes to. Lists are `[a,b]`,
nothing is `null`, and what the shell would take apart stands in quotes:
`'svm.conditions=[eyeglasses]'`. With `-m` an option may have several values, after commas, and
every combination is a job. What never changes goes into a YAML file of your own, in `conf.local/`
where you work or in `~/.config/ifgan/`: `conf.local/svm/mine.yaml` is `svm=mine`.

**Key** says whether an option enters the [key](how-it-works.md#keys) of the work that it is of:

| | |
|---|---|
| yes | another value is other work |
| content | the same, by the bytes of the file or model, wherever they lie |
| no | the same work, found again in the store whatever the value |
"""

_ENTERS = (
    "attribute",
    "generator",
    "sampler",
    "classifier",
    "classifiers",
    "svm",
    "edit",
    "evaluation",
)
_CONTENT = (
    "generator.path",
    "sampler.uri",
    "classifier.path",
    "classifier.function",
    "evaluation.identity",
    "evaluation.perceptual",
)
#: What says which file it must be, beside its path.
_CHECKS = ("generator.sha256", "classifier.sha256", "classifier.revision")


def enters_key(option: str) -> str:
    """Whether an option, ``group.name``, enters keys: "yes", "content" or "no"."""
    if option in _CONTENT:
        return "content"
    return "yes" if option.partition(".")[0] in _ENTERS and option not in _CHECKS else "no"


def page() -> str:
    """The whole page, in Markdown."""
    parts = [_INTRO]
    for group in groups.names():
        parts += [f"\n## {group}\n\n{_plain(groups.intro(group))}\n", _choices(group)]
        for table in groups.tables(group):
            titles = [f"{group}={choice}" for choice in table.choices]
            parts.append("\n" + (f"### {', '.join(titles)}\n\n" if titles else ""))
            parts.append(_table(group, table))
    parts += ["\n## The rest\n\n", _table("", groups.top())]
    parts += ["\n## experiment\n\nSweeps and settings that belong together, `experiment=NAME`.\n"]
    return "".join([*parts, _choices("experiment")])


def _choices(group: str) -> str:
    """The choices of a group: with what their files say, or by name where there are many alike."""
    described = [*groups.choices(group)]
    if group == "attribute":
        names = ", ".join(f"`{name}`" for name, _ in described)
        return f"\nChoices, which `python -m ifgan.attributes` tells more of: {names}.\n"
    rows = [f"| `{group}={name}` | {_cell(_plain(text))} |" for name, text in described]
    return "\n".join(["\n| choice | |\n|---|---|", *rows, ""]) if rows else ""


def _table(group: str, table: Table) -> str:
    head = "| option | type | default | allowed | what it does | key |\n|---|---|---|---|---|---|\n"
    return head + "".join(_row(f"{group}." if group else "", *row) for row in table.rows)


def _row(prefix: str, option: Option, allowed: str) -> str:
    name = f"{prefix}{option.name}"
    default = "must be given" if option.default is None else f"`{_reference(option.default)}`"
    cells = (f"`{name}`", option.kind, default, allowed, _plain(option.says), enters_key(name))
    return f"| {' | '.join(map(_cell, cells))} |\n"


def _reference(default: str) -> str:
    """``${generator.psi}`` as the option that it follows."""
    return re.sub(r"^\$\{([\w.]+)\}$", r"\1", default)


def _plain(text: str) -> str:
    """A docstring or a comment as Markdown has it; where it says which module has more, without."""
    return re.sub(r" \((?:docs in|ifgan/)[^)]*\)", "", text.replace("``", "`"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(arguments, str(__doc__), _run, interrupted="nothing was written")


def _run(given: list[str]) -> str:
    if given:
        raise UserError(f"there is no option '{given[0]}'. {choices(['--help'], given[0])}")
    return page().rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
