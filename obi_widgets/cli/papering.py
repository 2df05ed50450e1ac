"""What the commands ``paper`` and ``reconcile`` do and print."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from obi_widgets.checks import number
from obi_widgets.cli.config import find_config, with_changes
from obi_widgets.cli.output import say_json, say_table
from obi_widgets.errors import SettingsError, counted, quoted
from obi_widgets.feeds.loading import load
from obi_widgets.feeds.sources import open_feed
from obi_widgets.paper.log import read_log
from obi_widgets.paper.reconcile import reconcile
from obi_widgets.session.papering import PaperTrading
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from obi_widgets.paper.reconcile import Reconciliation

LONGEST_SECONDS = 366 * 86_400.0

HEAD = ("what", "side", "time", "log", "backtest", "differs", "cause")


def run_on_paper(
    config: str,
    log: str,
    *,
    record: str | None,
    source: str | None,
    seconds: float | None,
    as_json: bool,
    changes: Sequence[str],
    reach: Callable[[str], dict[str, Any]],
) -> None:
    """Run exported settings on paper, and print what is decided; see the command ``paper``."""
    path = Path(config)
    if path.suffix not in (".toml", ".json"):
        raise SettingsError(
            f"{quoted(config)} is no file of settings.", "Give a .toml or .json that was exported."
        )
    if seconds is not None:
        seconds = number("seconds", seconds, 0, LONGEST_SECONDS, "seconds")
    found = find_config(config, source, changes)
    about = {
        "file": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "changes": [*changes],
    }
    feed = open_feed(found.source, **{**found.kept, **reach(found.source)})
    paper = PaperTrading(feed, found.settings.parameters, log, record=record, config=about)

    def told(line: dict[str, Any]) -> None:
        if as_json:
            say_json(line)
        elif text := line_text(line):
            click.echo(text)

    paper.run(seconds, told)


def line_text(line: dict[str, Any]) -> str:
    """Return a line of the log as text; empty if it is nothing to show."""
    time = str(line.get("time", ""))[11:23]
    side = "long" if line.get("side") == 1 else "short"
    match line["type"]:
        case "begin":
            return f"Paper run of {line['market']}, {line['kind']}. No order is sent."
        case "entry":
            return f"{time}  {line['number']:>4}  {side:5}  {_quote(line)}  {line['why']}"
        case "fill":
            return f"{time}  {line['number']:>4}  filled at {line['price']:g}"
        case "exit":
            net = "" if line["net_bps"] is None else f", net {line['net_bps']:+z.2f} bps"
            at = "" if line["price"] is None else f" at {line['price']:g}"
            return f"{time}  {line['number']:>4}  ended{at}: {line['why']}{net}"
        case "declined":
            return f"{time}     -  {side:5}  {_quote(line)}  declined: {line['why']}"
        case "connection":
            return f"{time}        {line['state']}. {line['detail']}".rstrip()
        case "trouble":
            return f"{time}        {line['text']}"
        case "end":
            entries = counted(line["entries"], "entry", "entries")
            why = line["why"].rstrip(".")
            return f"{time}        {entries}, {line['declined']:,} declined; {why}."
    return ""


def _quote(line: dict[str, Any]) -> str:
    sides = ("–" if line[name] is None else f"{line[name]:g}" for name in ("bid", "ask"))
    return " / ".join(sides)


def hold_against(
    log: str, recording: Sequence[str], *, market: str | None, changes: Sequence[str]
) -> Reconciliation:
    """Return what `obi_widgets.reconcile` finds; the recording is loaded as the log had it."""
    begin = read_log(log)
    kept = {name: begin.begin[name] for name in ("levels", "interval", "strict")}
    paths = recording[0] if len(recording) == 1 else [*recording]
    history = load(paths, market=market or begin.begin["market"], **kept)
    settings = None
    if changes:
        settings = with_changes(Settings(**begin.parameters.as_dict()), changes)
    return reconcile(log, history, settings)


def tell(found: Reconciliation, *, every: bool, as_json: bool) -> None:
    """Print a reconciliation: its differences, or all of it, and its sentences."""
    table = found.table if every else found.table[found.table["what"] != "same"]
    if as_json:
        for line in table.to_json(orient="records", lines=True, date_format="iso",
                                  date_unit="ns").splitlines():  # fmt: skip
            click.echo(line)
        say_json(
            {
                "type": "end", "counts": found.counts, "not_explained": found.not_explained,
                "seconds": found.seconds, "seconds_differ": found.seconds_differ,
                "text": str(found),
            }
        )  # fmt: skip
        return
    if len(table):
        say_table(HEAD, [_cells(row) for row in table.to_dict("records")])
        click.echo("")
    click.echo(str(found))


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    time = row["log_time"] if row["what"] != "only in backtest" else row["backtest_time"]
    sides = (
        "" if price != price else f"{price:g}"  # NaN: not filled, or not there
        for price in (row["log_entry_price"], row["backtest_entry_price"])
    )
    side = "long" if row["side"] > 0 else "short"
    at = f"{time:%H:%M:%S}.{time.microsecond // 1000:03}"
    return (row["what"], side, at, *sides, row["differs"], row["cause"])
