"""`python -m ifgan.store [verify | prune] [PLACE…] [option=value …]`: the store, looked after.

Alone it shows what takes how much. verify compares every file with the digest it was written
with. prune says what no run needs, and with apply=true removes it: artifacts and blocks of runs
whose directories were deleted. The index of runs decides; a run directory that was moved counts if
it, or a folder above it, is given as a PLACE. Downloads and weights are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifgan import upkeep
from ifgan.errors import UserError, choices
from ifgan.options import command, parse
from ifgan.paths import store_at

_VERBS = ("verify", "prune")


@dataclass(frozen=True)
class Options:
    """What is done to which store.

    Parameters
    ----------
    store : null: IFGAN_STORE, or where runs put it.
    apply : of prune: remove what it says.
    """

    store: str | None = None
    apply: bool = False


_HELP = f"{__doc__}\n{Options.__doc__}"


def _run(arguments: list[str]) -> str:
    verb, given = "", arguments
    if arguments and "=" not in arguments[0]:
        verb, *given = arguments
        if verb not in _VERBS:
            raise UserError(f"there is no command '{verb}'. {choices(_VERBS, verb)}")
    places, options = parse(given, Options)
    _check(verb, places, options)
    root = store_at(options.store)
    if verb == "verify":
        return _verify(root)
    if verb == "prune":
        return "\n".join(upkeep.prune(root, places, apply=options.apply))
    return "\n".join(upkeep.sizes(root))


def _verify(root: Path) -> str:
    count, bad = 0, 0
    for path, problem in upkeep.damaged(root):
        count += 1
        if problem:
            bad += 1
            sys.stdout.write(f"{path}: {problem}\n")
    if bad:
        raise UserError(
            f"{bad:,} of {count:,} are damaged. Delete those directories; runs that need them make "
            "them again."
        )
    return f"{count:,} finished nodes and blocks are what was written."


def _check(verb: str, places: Sequence[Path], options: Options) -> None:
    if verb != "prune" and places:
        raise UserError(f"only prune takes directories of runs. Got {places[0]}.")
    if verb != "prune" and options.apply:
        raise UserError("apply=true is of prune: python -m ifgan.store prune apply=true.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    return command(arguments, _HELP, _run, interrupted="the same command goes on")


if __name__ == "__main__":
    sys.exit(main())
