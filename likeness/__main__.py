"""``python -m likeness``: the same entry as the ``likeness`` command."""

from likeness.cli.main import main

if __name__ == "__main__":
    main()
