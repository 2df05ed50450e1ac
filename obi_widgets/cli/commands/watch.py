"""``obi-widgets watch``: a market as rows in the terminal."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.completing import complete_source
from obi_widgets.cli.options import CHANGES, KEEPING, REACHING, SHOWING, reach_of, with_options


@click.command(
    epilog="""\b
Examples:
  obi-widgets watch sim:BTC-PERP
  obi-widgets watch binance-usdm:BTCUSDT --every 5 --set depth=20 --set threshold=0.5
  obi-widgets watch bybit:BTCUSDT --testnet --proxy http://proxy.example:3128
  obi-widgets watch btc.toml
  obi-widgets watch btc.toml --source bybit:BTCUSDT --json > btc.jsonl
"""
)
@click.argument("named", metavar="SOURCE|CONFIG", shell_complete=complete_source)
@click.option("--source", metavar="SOURCE", help="With CONFIG: another source than its market.")
@with_options(CHANGES, *SHOWING, *KEEPING, *REACHING)
def command(
    named: str,
    *,
    source: str | None,
    changes: tuple[str, ...],
    every: float,
    rows: int | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Print a market as rows, and alerts.

    SOURCE is venue:SYMBOL or a recording. CONFIG is a file of exported settings, .toml or .json,
    which names its market.

    Each row has the time, the weighted sizes of bids and asks, their imbalance, the spread, the
    signal with a ⚠ beyond the threshold, and its label: BUYING, SELLING or NEUTRAL. A label stays
    until the signal has fallen back by a tenth of the threshold. An alert comes when the signal
    crosses the threshold. It goes on until Ctrl-C.
    """
    from obi_widgets.cli.config import find_config
    from obi_widgets.cli.following import follow
    from obi_widgets.feeds.sources import open_feed

    config = find_config(named, source, changes)
    feed = open_feed(config.source, **{**config.kept, **reach_of(config.source, options)})
    follow(feed, config.settings.parameters, every=every, rows=rows, as_json=as_json)
