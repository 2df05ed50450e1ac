"""The exit codes of the command ``obi-widgets``; docs/terminal.md tells them too."""

from __future__ import annotations

DONE = 0
"""It did what was asked. ``record`` to a folder, and ``lab``, also end so when interrupted."""

FAILED = 1
"""An error of this package, said in one line; or whoever read the output has left."""

WRONG_USAGE = 2
"""No such command or option, or one argument too few."""

NOT_VIABLE = 3
"""``calibrate`` has a verdict, and it is another one than *viable*."""

NOT_EXPLAINED = 4
"""``reconcile`` has found a difference without a cause."""

INTERRUPTED = 130
"""Ctrl-C, SIGTERM or SIGHUP came before the end."""
