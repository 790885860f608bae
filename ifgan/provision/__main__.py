"""`python -m ifgan.provision`: its command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ifgan.errors import UserError
from ifgan.provision import kubeflow, vertex
from ifgan.provision.apply import execute, script
from ifgan.provision.options import Options, parse

_HELP = f"""\
python -m ifgan.provision backend=kubeflow|vertex project=PROJECT [option=value …] [apply=true]

Prints all it takes from an empty Google Cloud project to one that runs the pipeline, as commands
that could be pasted; with apply=true executes them, skipping what is there already.

{Options.__doc__}"""
_PLANS = {"kubeflow": kubeflow.plan, "vertex": vertex.plan}


def _show(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print or execute the plan."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & set(given):
        _show(_HELP)
        return 0
    try:
        options = parse(given)
        steps = _PLANS[options.backend](options)
        if options.apply:
            execute(steps, show=_show)
        else:
            _show(script(steps))
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; finished steps are skipped when you run it again\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
