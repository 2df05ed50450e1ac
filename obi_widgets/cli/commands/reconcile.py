"""``obi-widgets reconcile``: the log of a paper run, held against a recording."""

from __future__ import annotations

import click

from obi_widgets.cli.exit_codes import DONE, NOT_EXPLAINED
from obi_widgets.cli.options import CHANGES, MARKET, with_options


@click.command(
    epilog="""\b
Examples:
  obi-widgets reconcile btc.jsonl btc.gz
  obi-widgets reconcile btc.jsonl data/ --market lmex:BTC-PERP --all
  obi-widgets reconcile btc.jsonl btc.gz --json && echo explained
"""
)
@click.argument("log", type=click.Path())
@click.argument("recording", nargs=-1, required=True, type=click.Path())
@with_options(MARKET, CHANGES)
@click.option("--all", "every", is_flag=True, help="Show what is the same, too.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON a decision.")
def command(
    log: str,
    recording: tuple[str, ...],
    *,
    market: str | None,
    changes: tuple[str, ...],
    every: bool,
    as_json: bool,
) -> int:
    """Hold a paper run's log against a recording.

    LOG is what paper wrote. It is compared with what a backtest does on a recording of that time.
    RECORDING is a file, or several parts of one, or a folder of recordings. Each decision is the
    same in both, only in one of them, or differs, and each difference has its cause. The exit code
    is 0 if there is no difference, or each is explained, and 4 otherwise.
    """
    from obi_widgets.cli.papering import hold_against, tell

    found = hold_against(log, recording, market=market, changes=changes)
    tell(found, every=every, as_json=as_json)
    return DONE if found.explained else NOT_EXPLAINED
