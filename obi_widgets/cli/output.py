"""How a command prints what it has to tell: in colours, as plain lines, or as lines of JSON.

Colours are for a terminal alone: what is piped has no escape code, and one line for each thing.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from obi_widgets.presentation.watch.row import Row
    from obi_widgets.session.watching import Step
    from obi_widgets.settings.parameters import Parameters
    from obi_widgets.signals.crossing import Alert

STYLES = {"BUYING": "bold blue", "SELLING": "bold yellow", "NEUTRAL": "dim"}
"""Blue and yellow differ for readers who do not tell red from green."""

UNICODE = ("utf-8", "UTF-8", "utf8")
"""Encodings in which JSON says every character by itself, and not by its number."""


def say_json(found: dict[str, Any]) -> None:
    """Print an object as one line of JSON."""
    unicode = getattr(sys.stdout, "encoding", None) in UNICODE
    click.echo(json.dumps(found, ensure_ascii=not unicode))


def terminal() -> Console | None:
    """Return the terminal that standard output is; None if it is piped or a file."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)


def say_table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table: as wide as the terminal, or if it is piped, a line for each row."""
    console = terminal()
    if console is not None:
        from rich.table import Table

        table = Table(
            title=title or None, title_justify="left", box=None, pad_edge=False,
            collapse_padding=True,
        )  # fmt: skip
        for name, *column in zip(head, *rows, strict=True):
            # A narrow terminal breaks lines between words, and never cuts a figure off.
            longest = max(len(word) for text in (name, *column) for word in text.split() or [""])
            table.add_column(name, min_width=longest, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        return
    if title:
        click.echo(title)
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


class Teller:
    """Prints the steps, rows and alerts of a market.

    Parameters
    ----------
    parameters : Parameters
        Settings of the signal.
    as_json : bool
        Whether to print lines of JSON.
    """

    def __init__(self, parameters: Parameters, *, as_json: bool = False) -> None:
        self.parameters, self._as_json = parameters, as_json
        self._console = None if as_json else terminal()
        self._day = ""

    def tell(self, found: Step | Row | Alert) -> None:
        """Print one of them."""
        from obi_widgets.presentation.watch import row_texts
        from obi_widgets.presentation.watch.row import Row
        from obi_widgets.session.watching import Step

        if isinstance(found, Step):
            if self._as_json:
                say_json(found.as_object())
            else:
                self._line(f"{found.number}. {found.text}" if found.number else found.text, "dim")
        elif isinstance(found, Row):
            if self._as_json:
                say_json(row_texts.row_object(found))
            else:
                self._row(found)
        elif self._as_json:
            say_json(row_texts.alert_object(found))
        else:
            text = row_texts.alert_text(found, self.parameters)
            self._line(text, "bold")

    def _row(self, row: Row) -> None:
        from obi_widgets.presentation.watch import row_texts

        if (day := row_texts.day(row.time)) != self._day:
            self._line(f"{day} UTC" if self._day else f"{day} UTC, sizes in {self._unit}", "dim")
            if not self._day:
                self._line(row_texts.line(row_texts.HEAD), "bold")
            self._day = day
        texts = row_texts.line(row_texts.cells(row, self.parameters))
        self._line(texts, STYLES.get(row.label, ""))

    def tell_end(self, shares: dict[str, float], seconds: float) -> None:
        """Print for how much of the time each label held; see `RowMaker.shares`."""
        if not seconds or not self.parameters.signal.directional:
            return
        if self._as_json:
            by_name = {name.lower(): share for name, share in shares.items()}
            say_json({"type": "end", "seconds": seconds, **by_name})
        else:
            told = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
            self._line(f"Of {seconds:,.0f} s with a signal: {told}.", "dim")

    @property
    def _unit(self) -> str:
        from obi_widgets.presentation.watch.row import imbalance_of

        notional = imbalance_of(self.parameters)["weighting"] == "notional"
        return "quote currency" if notional else "base units"

    def _line(self, text: str, style: str) -> None:
        if self._console is None:
            click.echo(text)
        else:
            self._console.print(text, style=style, markup=False)
