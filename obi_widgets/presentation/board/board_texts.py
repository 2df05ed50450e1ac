"""The texts of a board, as the page shows them."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.errors import counted
from obi_widgets.market_data.events import CURRENT
from obi_widgets.presentation.board.compared import POINTS
from obi_widgets.presentation.board.leads import leads_state
from obi_widgets.presentation.board.row_card import card_columns, card_line, span, still_card
from obi_widgets.presentation.still.still import Still, Table
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.instrument_units import unit_of
from obi_widgets.settings.presets import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.market_data.events import Instrument
    from obi_widgets.presentation.board.board_frame import BoardFrame, BoardRow

SYMBOL = 16
"""Letters of a symbol that a line has room for."""

FAILED = "refused"

COLUMNS = ("market", "venue", "state", "mid", "spread", "signal", "beyond for", "change")
"""Heads of the still picture's table."""

CARD_COLUMNS = ("card", "strength", "confidence")
"""Further heads, after those of the windows, where cards are shown."""


class Named(Protocol):
    """What names a market: a row of a board, or what is known before it is computed."""

    @property
    def source(self) -> str:
        """As it was given."""

    @property
    def instrument(self) -> Instrument | None:
        """The market; None if the source was refused."""


def named(row: Named) -> list[str]:
    """Return what names a market: symbol as shown, symbol, and venue."""
    if row.instrument is None:
        venue, _, symbol = row.source.partition(":")
        symbol, venue = (symbol, venue) if symbol else (row.source, "")
        return [formatting.shortened(symbol, SYMBOL), symbol, venue]
    symbol = row.instrument.symbol
    return [formatting.shortened(symbol, SYMBOL), symbol, row.instrument.label]


def state_of(row: BoardRow) -> str:
    """Return the state as it is shown: one word."""
    if row.state == FAILED:
        return "error"
    return "replay" if row.replay and row.state == "live" else row.state


def shown_state(row: BoardRow) -> str:
    """Return the state in the line: of a fresh book whose card has to wait, that it is filling."""
    filling = row.state in CURRENT and row.card.state in ("not_ready", "waiting")
    return "filling" if filling else state_of(row)


def state_counts(rows: Sequence[BoardRow]) -> list[list[Any]]:
    """Return how many markets are in each state, the most frequent first, and in conflict."""
    states = Counter(map(shown_state, rows)).most_common()
    conflicts = sum(row.card.state == "conflict" for row in rows)
    return [[state, count] for state, count in states] + (
        [["in conflict", conflicts]] if conflicts else []
    )


def is_bad(row: BoardRow) -> bool:
    """Return whether a market has an error, and is not only starting, late or at its end."""
    if row.state in ("connecting", "syncing"):
        return bool(row.advice)
    return row.state in (FAILED, "gap") or (row.state == "closed" and not row.time)


def reason(row: BoardRow) -> str:
    """Return why a market has this state, and what to do; empty if there is nothing to say."""
    return formatting.signed(f"{row.detail} {row.advice}".strip())


def instead(row: BoardRow) -> str:
    """Return the sentence in place of a market's figures; empty if it has figures."""
    if math.isfinite(row.mid):
        return ""
    if row.missing:
        return f"The book has no {row.missing}. {reason(row)}".rstrip()
    return reason(row) or "No book yet."


def place(value: float, scale: tuple[float, float]) -> float | None:
    """Return where a value is on a bar: −1 to +1; None without one."""
    largest = max(map(abs, scale))
    if not math.isfinite(value) or not largest:
        return None
    return round(min(max(value / largest, -1.0), 1.0), 3)


def since(seconds: float) -> str:
    """Return how long a signal has been beyond the threshold; empty if it is not."""
    if not math.isfinite(seconds):
        return ""
    return formatting.duration(seconds) if seconds >= 1 else "<1 s"


def _known(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def line(row: BoardRow, *, directional: bool = True) -> list[Any]:
    """Return what of a market's line changes all the time, as ``static/board_columns.js`` reads it.

    A gauge, which is not ``directional``, has no plus and no side.
    """
    scale = row.scale
    change = row.spark.change if math.isfinite(row.mid) else math.nan
    return [
        formatting.mid(row.mid, row.tick_size),
        formatting.spread(row.spread, row.mid, row.tick_size).removesuffix(" bps"),
        formatting.signal_number(row.signal, scale, directional=directional),
        formatting.side(row.signal, scale, directional=directional),
        row.side if directional else 0,
        place(row.signal, scale),
        since(row.since) if directional else "",
        _known(row.age, 1),
        formatting.bps(change, sign=True).removesuffix(" bps"),
        # To sort by.
        _known(row.strength, 4) if row.state in CURRENT or row.state == "closed" else None,
        _known(row.spread_bps, 4),
        _known(change, 3),
    ]


def steady(row: BoardRow, factor: int, *, directional: bool = True) -> list[Any]:
    """Return what of a market's line seldom changes, apart from the rest: it is seldom sent.

    A gauge, which is not ``directional``, has no threshold.
    """
    return [
        shown_state(row),
        reason(row),
        instead(row),
        "bad" if is_bad(row) else "old" if row.old else "",
        place(row.threshold, row.scale) if directional else None,
        factor,
        row.trouble,
        not row.time,
    ]


def threshold_of(frame: BoardFrame) -> str:
    """Return the threshold in words: one for all markets, or each market's own quantile."""
    parameters = frame.parameters
    if not parameters.signal.directional:
        return "none: it has no direction"
    if parameters.threshold_is == "quantile":
        return f"its own quantile {parameters.threshold:g}"
    unit = parameters.signal.unit
    return f"±{formatting.plain(parameters.threshold)}{unit and ' ' + unit}"


def board_state(frame: BoardFrame) -> dict[str, Any]:
    """Return all that the page shows of a frame besides lines of mid; a key each line."""
    signal = frame.parameters.signal
    state: dict[str, Any] = {
        "markets": [named(row) for row in frame.rows],
        "opened": frame.opened,
        "states": state_counts(frame.rows),
        "signal": signal.name.replace("_", " "),
        "bounded": signal.range is not None,
        "signal_title": formatting.about(signal),
        "threshold": threshold_of(frame),
        "window": frame.seconds,
        "length": formatting.duration(frame.seconds),
        "scale": frame.height,
        "height": formatting.bps(frame.height).replace(".00", "") if frame.height else "",
        "message": frame.note or _trouble(frame),
        "told": frame.told if frame.note else 0,
        "cards": card_columns(frame.mode, tuple(BUILT_IN)),
    }
    for at, (row, factor) in enumerate(zip(frame.rows, frame.factors, strict=True)):
        state |= {
            str(at): line(row, directional=signal.directional),
            f"s{at}": steady(row, factor, directional=signal.directional),
        }
        if frame.mode is not None:
            state[f"c{at}"] = card_line(row.card)
    return state


def compared_state(frame: BoardFrame) -> dict[str, Any]:
    """Return what the chart of several signals shows besides its lines."""
    signal = frame.parameters.signal
    rows = [frame.rows[row] for row in frame.compared.rows] if frame.compared else []
    scale = max((row.scale for row in rows), default=(-1.0, 1.0), key=lambda one: one[1])
    names = [distinct(row, rows) for row in rows]
    newest = frame.compared.apart[-1] if frame.compared else math.nan
    apart = formatting.signal_number(float(newest), scale).lstrip("+")
    by_value = frame.parameters.threshold_is == "value"
    said = f"{signal.title} by the time of receipt, {formatting.duration(frame.seconds)}"
    return {
        "names": names,
        "values": [
            formatting.signal_number(row.signal, scale, directional=signal.directional)
            for row in rows
        ],
        "scale": list(scale),
        "threshold": frame.parameters.threshold if by_value and signal.directional else None,
        "apart": apart,
        "decimals": formatting.signal_decimals(scale),
        "end": frame.compared.end // 1_000_000 if frame.compared else 0,
        "column": 1000 * frame.seconds / POINTS,
        "said": f"{said}. Below: how far apart they are, the largest less the smallest.",
        "described": f"{said}, of {', '.join(names)}. Now they are {apart} apart.",
        "leads": leads_state(frame.leads),
    }


def distinct(row: Named, rows: Sequence[Named]) -> str:
    """Return the symbol of a market, with its venue where another one has the same symbol."""
    short, symbol, venue = named(row)
    same = [one for one in rows if named(one)[1] == symbol]
    return short if len(same) == 1 else f"{short} {venue}"


def _trouble(frame: BoardFrame) -> str:
    """Return what is wrong with the signal of some market; empty if nothing is."""
    troubled = [row for row in frame.rows if row.trouble]
    if not troubled:
        return ""
    many = len(troubled)
    where = named(troubled[0])[0] if many == 1 else f"{many} markets"
    return formatting.signed(f"{where}: {troubled[0].trouble}")


def board_still(frame: BoardFrame) -> Still:
    """Return a still picture: the figures as a table."""
    rows, of = [], frame.parameters.signal
    for row in frame.rows:
        _, symbol, venue = named(row)
        figures: list[str] = [instead(row), "", "", "", ""]
        if math.isfinite(row.mid):
            figures = [
                formatting.mid(row.mid, row.tick_size),
                formatting.spread(row.spread, row.mid, row.tick_size),
                formatting.signal(
                    row.signal, row.scale, unit_of(of, row.instrument), directional=of.directional
                ),
                since(row.since) if of.directional else "",
                formatting.bps(row.spark.change, sign=True),
            ]
        if frame.mode is not None:
            figures += still_card(row.card, frame.mode)
        rows.append([symbol, venue, shown_state(row), *figures])
    newest = max((row.time for row in frame.rows), default=0)
    when = f", {formatting.clock(newest)} UTC" if newest else ", before the first data"
    many = counted(len(rows), "market")
    said = f"Still picture of a board of {many}{when}. Run this cell to start it again."
    columns: tuple[str, ...] = COLUMNS
    if frame.mode is not None:
        columns += (*(span(seconds)[0] for seconds in frame.mode.windows), *CARD_COLUMNS)
    return Still(tables=[Table(rows, columns)], sentence=said)
