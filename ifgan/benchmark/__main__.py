"""`python -m ifgan.benchmark NAME`: the command line of the measurements."""

from __future__ import annotations

import argparse
import sys

from ifgan.benchmark import (
    distil,
    early_exit,
    efficiency,
    fitting,
    scale,
    scoring,
    synthesis,
    uncertainty,
)


def _show(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(argv: list[str] | None = None) -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m ifgan.benchmark", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="NAME")
    command = commands.add_parser("synthesis", help="StyleGAN3 against its literal filters")
    synthesis.add_arguments(command)
    command.set_defaults(run=synthesis.main)
    command = commands.add_parser("fitting", help="a boundary against the reference's SVC")
    fitting.add_arguments(command)
    command = commands.add_parser("scale", help="time and memory of svm at 500,000 latents")
    scale.add_arguments(command)
    command.set_defaults(run=scale.main)
    command = commands.add_parser("early_exit", help="a StyleGAN2 stopped early: time and scores")
    early_exit.add_arguments(command)
    command.set_defaults(run=early_exit.main)
    command = commands.add_parser("distil", help="a small StyleGAN2 that draws toy faces")
    distil.add_arguments(command)
    command.set_defaults(run=distil.main)
    command = commands.add_parser("uncertainty", help="reported errors against true ones")
    uncertainty.add_arguments(command)
    command.set_defaults(run=uncertainty.main)
    command = commands.add_parser("efficiency", help="faces needed: the reference's and ours")
    efficiency.add_arguments(command)
    command.set_defaults(run=efficiency.main)
    command = commands.add_parser("scoring", help="scoring's time outside of the network")
    scoring.add_arguments(command)
    command.set_defaults(run=scoring.main)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments, show=_show)
    except ValueError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
