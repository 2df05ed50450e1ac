"""The command ``obi-widgets``: open the lab, or record a market."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from obi_widgets.errors import ObiError
from obi_widgets.version import version

if TYPE_CHECKING:
    from collections.abc import Sequence


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
        help="venue:SYMBOL, or a recording (default: %(default)s, the simulated exchange)",
    )
    lab.add_argument("--port", type=int, default=8888, help="first port to try (default: 8888)")
    lab.add_argument(
        "--no-browser", action="store_true", help="print the address, do not open a browser"
    )

    record = commands.add_parser("record", help="record a market's raw frames to a file")
    record.add_argument("source", help="venue:SYMBOL")
    record.add_argument(
        "path", help="a file that does not exist yet; .gz is compressed, .txt is plain text"
    )
    record.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="seconds to record, from the first book on (default: 60)",
    )

    options = parser.parse_args(arguments)
    try:
        if options.command == "lab":
            from obi_widgets.cli.lab import open_lab

            return open_lab(options.source, port=options.port, browser=not options.no_browser)
        from obi_widgets.feeds.record import record as record_market

        print(record_market(options.source, options.path, seconds=options.seconds))
    except ObiError as error:
        print(f"obi-widgets: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
