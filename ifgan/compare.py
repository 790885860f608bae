"""`python -m ifgan.compare RUN_OR_SWEEP…`: finished runs side by side, as a table and as a page.

It needs no account and no network: all that it shows lies in the run directories.
"""

from __future__ import annotations

import inspect
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ifgan.comparison import export, table
from ifgan.comparison.runs import Run, read_runs
from ifgan.errors import UserError
from ifgan.options import command, parse
from ifgan.places import out_folder
from ifgan.ranges import in_range


@dataclass(frozen=True)
class Options:
    """How runs are compared.

    Table
      sort : a metric, the best first, or a setting; -NAME the other way round; null: as they ran.
      json, csv : all settings, metrics and intervals, unrounded, instead of the table; no page is
          written then, unless out is given.

    Page
      out : folder for compare.html; null: the sweep's or the run's where one is given, else here.
      gallery : seconds that drawing moved faces may take; what was drawn before is shown at once.
          null: 60 for up to 24 runs, for more only what was drawn before; 0 as well.
    """

    sort: str | None = None
    json: bool = False
    csv: bool = False
    out: str | None = None
    gallery: float | None = None

    def __post_init__(self) -> None:
        if self.json and self.csv:
            raise UserError("give one of --json and --csv, not both.")
        if self.gallery is not None:
            in_range("gallery", self.gallery, low=0, high=1e6)


_HELP = f"""\
python -m ifgan.compare RUN_OR_SWEEP… [option=value …]

{inspect.cleandoc(Options.__doc__ or "")}

Examples
  python -m ifgan.compare multirun/2025-01-01/12-00-00 sort=auroc
  python -m ifgan.compare outputs --csv > runs.csv
  python -m ifgan.compare multirun/a multirun/b out=. gallery=600
"""

_DRAWN_AT_ONCE, _SECONDS = 24, 60.0


def _run(arguments: list[str]) -> str:
    places, options = parse(arguments, Options)
    if not places:
        raise UserError("give at least one run directory or sweep directory.")
    runs = table.in_order(read_runs(places), options.sort)
    said = _said(runs, options)
    if (options.json or options.csv) and options.out is None:
        return said
    page = _write_page(places, runs, options)
    return said if options.json or options.csv else f"{said}\n\nwritten: {page}"


def _said(runs: Sequence[Run], options: Options) -> str:
    if options.json:
        return export.as_objects(runs)
    if options.csv:
        return export.as_csv(runs)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return table.text(runs, width=width, sort=options.sort)


def _write_page(places: Sequence[Path], runs: Sequence[Run], options: Options) -> Path:
    from ifgan.comparison.page import write

    seconds = options.gallery
    if seconds is None:
        seconds = _SECONDS if len(runs) <= _DRAWN_AT_ONCE else 0.0
    out = options.out or (str(places[0]) if len(places) == 1 else ".")
    return write(out_folder(out), runs, seconds=seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare and print; the exit code."""
    return command(arguments, _HELP, _run, interrupted="no file is half-written")


if __name__ == "__main__":
    sys.exit(main())
