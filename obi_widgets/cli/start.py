"""Where the command ``obi-widgets`` begins: Ctrl-C while it is imported is no traceback."""

from __future__ import annotations

import os
import signal

from obi_widgets.cli.exit_codes import INTERRUPTED


def main() -> int:
    """Import the commands, and run one; return its exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # ignored, for example
        from obi_widgets.cli.main import main as run

        return run()
    # Nothing is open yet. An exception might be lost in an import, which has callbacks that cannot
    # raise.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from obi_widgets.cli.main import main as run

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return run()
