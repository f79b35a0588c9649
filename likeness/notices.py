"""The level of what a person is told while it happens, since nothing would be seen for long."""

NOTICE = 25
"""Between the levels INFO and WARNING of ``logging``. The command line shows such a line as it is,
and not where a program reads its output."""
