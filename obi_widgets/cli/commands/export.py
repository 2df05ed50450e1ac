"""``obi-widgets export``: settings with what a recording says of them, or a strategy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from obi_widgets.cli.options import CHANGES, JUDGING, KEEPING, reach_of, with_options


@click.command(
    epilog="""\b
Examples:
  obi-widgets export btc.toml capture.gz strategy.py
  obi-widgets export btc.toml capture.gz judged.toml --set threshold=0.5
"""
)
@click.argument("config", type=click.Path())
@click.argument("recording", nargs=-1, required=True, type=click.Path())
@click.argument("out", type=click.Path())
@click.option("--replace", is_flag=True, help="Replace OUT if it exists.")
@with_options(CHANGES, *JUDGING, *KEEPING)
def command(
    config: str,
    recording: tuple[str, ...],
    out: str,
    *,
    replace: bool,
    changes: tuple[str, ...],
    market: str | None,
    horizons: tuple[float, ...],
    tried: int,
    **options: Any,  # noqa: ANN401
) -> None:
    """Write settings with a verdict, or a strategy.

    CONFIG is a file of settings, RECORDING what they are judged on. OUT is a file of settings,
    .toml or .json, or a strategy of plain Python, .py; both say the verdict and the data.
    """
    from obi_widgets.cli.judging import judge
    from obi_widgets.errors import SettingsError
    from obi_widgets.session.export import ENDINGS
    from obi_widgets.strategy.export import export_strategy

    path = Path(out)
    if path.suffix not in ENDINGS:
        raise SettingsError(
            f"{path.name!r} ends in {path.suffix!r}.",
            "Settings are saved as .toml or .json, a strategy as .py.",
        )
    if path.exists() and not replace:
        raise SettingsError(f"{out} exists already.", "Give another name, or --replace.")
    settings, history, report = judge(
        config, recording, changes=changes, market=market, horizons=horizons, tried=tried,
        kept=reach_of("", options),
    )  # fmt: skip
    if path.suffix == ".py":
        export_strategy(path, settings, history, findings=report.findings)
    else:
        settings.save(path, provenance=history.provenance, findings=report.findings)
    click.echo(f"{out}: {report.verdict}. {report.reason}")
