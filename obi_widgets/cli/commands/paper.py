"""``obi-widgets paper``: exported settings on a live source, without orders."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.completing import complete_source
from obi_widgets.cli.ending import interruptible
from obi_widgets.cli.options import CHANGES, KEEPING, REACHING, reach_of, with_options


@click.command(
    epilog="""\b
Examples:
  obi-widgets paper btc.toml --log btc.jsonl --record btc.gz
  obi-widgets paper btc.toml --source bybit:BTCUSDT --log bybit.jsonl --seconds 3600
  obi-widgets paper btc.toml --source sim:BTC-PERP --log sim.jsonl --json
  obi-widgets paper btc.toml --source bybit:BTCUSDT --testnet --log test.jsonl
"""
)
@click.argument("config", type=click.Path())
@click.option("--log", required=True, metavar="PATH", type=click.Path(),
              help="The log to write, lines of JSON. It must not exist.")  # fmt: skip
@click.option("--record", metavar="PATH", type=click.Path(),
              help="Record the raw frames too, for reconcile.")  # fmt: skip
@click.option("--source", metavar="SOURCE", shell_complete=complete_source,
              help="Another source than CONFIG's market.")  # fmt: skip
@click.option("--seconds", type=click.FloatRange(0, min_open=True),
              help="End after so long, from the first state on. [default: on Ctrl-C]")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the lines of the log themselves.")
@with_options(CHANGES, *KEEPING, *REACHING)
def command(
    config: str,
    *,
    log: str,
    record: str | None,
    source: str | None,
    seconds: float | None,
    as_json: bool,
    changes: tuple[str, ...],
    **options: Any,  # noqa: ANN401
) -> None:
    """Run exported settings on a live source on paper. No order is sent.

    CONFIG is a file of settings, .toml or .json. Each decision goes to the log with its quote:
    time, side, price, signal, threshold, gates, size and why. So does an entry that is declined: a
    gate is closed, the cap is reached, a position is open. It goes on until Ctrl-C.
    """
    from obi_widgets.cli.papering import run_on_paper

    with interruptible(while_read=True):
        run_on_paper(
            config, log, record=record, source=source, seconds=seconds, as_json=as_json,
            changes=changes, reach=lambda market: reach_of(market, options),
        )  # fmt: skip
