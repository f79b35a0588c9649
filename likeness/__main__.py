"""``python -m likeness``, and the entry of the ``likeness`` command."""

from __future__ import annotations

import sys

from likeness.signals import deferred


def main() -> None:
    """Run the command line; a Ctrl-C while it is being loaded is answered like a later one."""
    try:
        with deferred():
            from likeness.cli.console import begin, report_interruption
            from likeness.cli.main import main as run
    except KeyboardInterrupt as interruption:
        begin(sys.argv[1:])
        sys.exit(report_interruption(interruption))
    run()


if __name__ == "__main__":
    main()
