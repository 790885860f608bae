"""`python -m ifgan.doctor [backend=…] [option=value …]`: is everything there that a run needs?

Takes the options that `python -m ifgan` takes. Exit code 1 if anything is missing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from ifgan.compose import compose_config
from ifgan.doctor.findings import Finding, Mark
from ifgan.doctor.looks import looks_at
from ifgan.errors import UserError

_WIDTH = len("image classifier")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line for each thing that was looked at."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if {"-h", "--help"} & set(given):
        sys.stdout.write(f"{__doc__}\n")
        return 0
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    try:
        config = compose_config(given)
        findings: list[Finding] = []
        for look in looks_at(config):
            findings.append(look())
            sys.stdout.write(f"{findings[-1].in_words(_WIDTH)}\n")
            sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    missing = [finding.name for finding in findings if finding.mark is Mark.MISSING]
    if missing:
        sys.stdout.write(f"\n{len(missing)} missing: {', '.join(missing)}\n")
        return 1
    sys.stdout.write("\nnothing is missing\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
