"""The command ``obi-widgets``: open the lab, or record a market."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from obi_widgets.errors import ObiError
from obi_widgets.version import version

if TYPE_CHECKING:
    from collections.abc import Sequence


FILE_SECONDS = 60.0
"""Seconds that one file is recorded, unless another time is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``obi-widgets``; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="obi-widgets", description="Order-book imbalance, live, in a notebook."
    )
    parser.add_argument("--version", action="version", version=f"obi-widgets {version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    lab = commands.add_parser("lab", help="open JupyterLab with the lab running in a notebook")
    lab.add_argument(
        "source",
        nargs="?",
        default="sim:BTC-PERP",
        help="venue:SYMBOL, a recording, or a lab's link (default: %(default)s, the simulator)",
    )
    lab.add_argument("--port", type=int, default=8888, help="first port to try (default: 8888)")
    lab.add_argument(
        "--no-browser", action="store_true", help="print the address, do not open a browser"
    )

    record = commands.add_parser(
        "record",
        help="record markets' raw frames to a file, or to a folder",
        description="Record markets' raw frames: one market to a new file, or several to a folder, "
        "where files follow one another and a restart goes on. Ctrl-C ends it.",
    )
    record.add_argument("sources", nargs="+", metavar="source", help="venue:SYMBOL")
    record.add_argument(
        "path",
        help="a folder; or, for one market, a file that does not exist yet: .gz is compressed, "
        ".txt is plain text",
    )
    record.add_argument(
        "--seconds",
        type=float,
        help="seconds to record, from the first book on (default: 60 for a file; a folder is "
        "recorded until it is interrupted)",
    )
    record.add_argument(
        "--rotate",
        help="for a folder: time after which a new file begins, such as 15min (default: 1h)",
    )
    record.add_argument(
        "--max-size", help="for a folder: size after which a new file begins, such as 100MB"
    )

    options = parser.parse_args(arguments)
    try:
        if options.command == "lab":
            from obi_widgets.cli.lab import open_lab

            return open_lab(options.source, port=options.port, browser=not options.no_browser)
        _record(options)
    except ObiError as error:
        print(f"obi-widgets: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _record(options: argparse.Namespace) -> None:
    """Record until the time is over, or until this process is interrupted or ended."""
    from pathlib import Path

    from obi_widgets.feeds.record import record

    # `kill` and a closed terminal end it as Ctrl-C does; the terminal does not under `nohup`.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:
        signal.signal(hangup, signal.default_int_handler)
    one = len(options.sources) == 1 and not Path(options.path).is_dir()
    if one and options.rotate is None and options.max_size is None:
        seconds = FILE_SECONDS if options.seconds is None else options.seconds
        print(record(options.sources[0], options.path, seconds=seconds))
        return
    record(
        options.sources,
        options.path,
        seconds=options.seconds,
        rotate=_seconds(options.rotate),
        max_size=options.max_size,
    )


def _seconds(text: str | None) -> str | float | None:
    """Return a time that is a plain number as one."""
    try:
        return text and float(text)
    except ValueError:
        return text


if __name__ == "__main__":
    sys.exit(main())
