"""``obi-widgets replay``: a recording as rows in the terminal, as ``watch`` shows a market."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.options import CHANGES, KEEPING, MARKET, SHOWING, reach_of, with_options

AT_ONCE = "all"
"""Speed at which everything is loaded first."""


@click.command(
    epilog="""\b
Examples:
  obi-widgets replay capture.gz --speed 10
  obi-widgets replay data/ --market lmex:BTC-PERP --config btc.toml --speed all
  obi-widgets replay capture.gz --speed all --every 60 --json > rows.jsonl
"""
)
@click.argument("recording", nargs=-1, required=True, type=click.Path())
@click.option("--config", metavar="CONFIG", type=click.Path(), help="Exported settings.")
@click.option("--speed", metavar="FACTOR",
              help="Multiple of real time, or 'all' for all at once. [default: 1; of Parquet: "
              "all]")  # fmt: skip
@with_options(MARKET, CHANGES, *SHOWING, *KEEPING)
def command(
    recording: tuple[str, ...],
    *,
    config: str | None,
    speed: str | None,
    market: str | None,
    changes: tuple[str, ...],
    every: float,
    rows: int | None,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> None:
    """Print a recording as rows, as watch does.

    RECORDING is a file, or several parts of one, or a folder of recordings. Rows come by the time
    at which the data were received then, so they are the same at every speed.
    """
    from obi_widgets.cli.config import Config, read_config, with_changes
    from obi_widgets.cli.following import follow
    from obi_widgets.feeds.loading import load
    from obi_widgets.feeds.sources import open_feed
    from obi_widgets.settings.settings import Settings

    found = read_config(config) if config is not None else Config(Settings(), "", {})
    parameters = with_changes(found.settings, changes).parameters
    kept = {**found.kept, **reach_of("", options)}
    paths = recording[0] if len(recording) == 1 else [*recording]
    if speed == AT_ONCE:
        feed = open_feed(load(paths, market=market, **kept))
    else:
        if speed is not None:
            kept["speed"] = _factor(speed)
        feed = open_feed(paths, market=market, **kept)
    follow(feed, parameters, every=every, rows=rows, as_json=as_json)


def _factor(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        said = f"{text!r} is neither a number nor {AT_ONCE!r}."
        raise click.BadParameter(said, param_hint="--speed") from None
