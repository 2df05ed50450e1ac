"""``obi-widgets convert``: recordings to Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from obi_widgets.cli.options import KEEPING, MARKET, reach_of, with_options

PARQUET = ".parquet"


@click.command(
    epilog="""\b
Examples:
  obi-widgets convert capture.gz capture.parquet
  obi-widgets convert part1.gz part2.gz both.parquet --interval 0
  obi-widgets convert data/
"""
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="RECORDING... [OUT]")
@click.option("--replace", is_flag=True, help="Replace OUT if it exists.")
@with_options(MARKET, *KEEPING)
def command(
    paths: tuple[str, ...],
    *,
    replace: bool,
    market: str | None,
    **options: Any,  # noqa: ANN401
) -> None:
    """Convert recordings to Parquet, which loads faster.

    RECORDING is a file, parts of one, or a folder, and OUT a file that ends in .parquet. Of a
    folder alone, each day of each market becomes a file in the folder; the recordings stay.
    """
    from obi_widgets.errors import HistoryError
    from obi_widgets.feeds.days.compact import compact
    from obi_widgets.feeds.loading import load

    kept = reach_of("", options)
    *recording, out = paths
    if not recording and Path(out).is_dir():
        for path in compact(out, market=market, **kept):
            click.echo(path)
        return
    if not recording or Path(out).suffix != PARQUET:
        raise HistoryError(
            f"{out!r} is no Parquet file to write.",
            "Give the recording, and a name that ends in .parquet; or a folder of recordings.",
        )
    if Path(out).exists() and not replace:
        raise HistoryError(f"{out} exists already.", "Give another name, or --replace.")
    history = load(recording[0] if len(recording) == 1 else recording, market=market, **kept)
    click.echo(f"{history.save(out)}: {history.provenance}.")
    for note in history.notes:
        click.echo(note, err=True)
