"""``obi-widgets calibrate``: whether the signal of some settings pays, on a recording."""

from __future__ import annotations

from typing import Any

import click

from obi_widgets.cli.exit_codes import DONE, NOT_VIABLE
from obi_widgets.cli.options import CHANGES, JUDGING, KEEPING, reach_of, with_options
from obi_widgets.cli.output import say_json, say_table


@click.command(
    epilog="""\b
Examples:
  obi-widgets calibrate btc.toml capture.gz
  obi-widgets calibrate btc.toml data/ --market lmex:BTC-PERP --horizon 10 --horizon 30
  obi-widgets calibrate btc.toml capture.gz --json && echo viable
"""
)
@click.argument("config", type=click.Path())
@click.argument("recording", nargs=-1, required=True, type=click.Path())
@with_options(CHANGES, *JUDGING, *KEEPING)
@click.option("--json", "as_json", is_flag=True, help="Print one object of JSON.")
def command(
    config: str,
    recording: tuple[str, ...],
    *,
    changes: tuple[str, ...],
    market: str | None,
    horizons: tuple[float, ...],
    tried: int,
    as_json: bool,
    **options: Any,  # noqa: ANN401
) -> int:
    """Judge exported settings on a recording.

    CONFIG is a file of settings, RECORDING a file, parts of one, or a folder of recordings. The
    exit code is 0 if the verdict is "viable", and 3 if it is "not viable" or "not enough data".
    Recordings that the settings were tuned on make a verdict too good.
    """
    from obi_widgets.cli.judging import judge

    judged = judge(
        config, recording, changes=changes, market=market, horizons=horizons, tried=tried,
        kept=reach_of("", options),
    )  # fmt: skip
    findings = judged.report.findings
    if as_json:
        say_json(judged.as_object())
    else:
        from obi_widgets.presentation.texts.report_text import HEAD, report_rows

        click.echo(f"{findings.verdict.capitalize()}. {findings.reason}\n")
        say_table(HEAD, report_rows(findings))
        click.echo(f"\nJudged on {judged.history.provenance}.")
    return DONE if findings.verdict == "viable" else NOT_VIABLE
