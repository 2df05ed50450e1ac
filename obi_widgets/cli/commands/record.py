"""``obi-widgets record``: record markets' raw frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from obi_widgets.cli.completing import complete_source
from obi_widgets.cli.ending import interruptible
from obi_widgets.cli.options import REACHING, given_of, with_options

FILE_SECONDS = 60.0
"""Seconds that one file is recorded, unless another time is given."""


@click.command(
    epilog="""\b
Examples:
  obi-widgets record lmex:BTC-PERP capture.gz --seconds 600
  obi-widgets record binance-usdm:BTCUSDT bybit:BTCUSDT data/ --rotate 1h
  obi-widgets record bybit:BTCUSDT data/ --testnet --proxy http://proxy.example:3128
  obi-widgets record binance-spot:BTCUSDT data/ --url book=wss://data-stream.binance.vision
              --url rest=https://data-api.binance.vision
"""
)
@click.argument(
    "sources", nargs=-1, required=True, metavar="SOURCE...", shell_complete=complete_source
)
@click.argument("path", type=click.Path())
@click.option(
    "--seconds", type=float,
    help="Seconds to record, from the first book on. By default 60 for a file; a folder is "
    "recorded until it is interrupted.",
)  # fmt: skip
@click.option("--rotate", help="Folder: time after which a new file begins, as 15min. Default: 1h.")
@click.option("--max-size", help="Folder: size after which a new file begins, as 100MB.")
@with_options(*REACHING)
def command(
    sources: tuple[str, ...],
    path: str,
    *,
    seconds: float | None,
    rotate: str | None,
    max_size: str | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Record markets' raw frames to a file or a folder.

    SOURCE is venue:SYMBOL. PATH is a folder, where files follow one another and a restart goes on;
    or, for one market, a file that does not exist yet: .gz is compressed, .txt is plain text.
    Ctrl-C ends it.
    """
    from obi_widgets.feeds.record import record

    one = len(sources) == 1 and not Path(path).is_dir() and rotate is None and max_size is None
    reach = given_of(options)
    with interruptible():
        if one:
            asked = FILE_SECONDS if seconds is None else seconds
            click.echo(record(sources[0], path, seconds=asked, **reach))
            return
        record(
            [*sources], path, seconds=seconds, rotate=_seconds(rotate), max_size=max_size, **reach
        )


def _seconds(text: str | None) -> str | float | None:
    """Return a time that is a plain number as one."""
    try:
        return text and float(text)
    except ValueError:
        return text
