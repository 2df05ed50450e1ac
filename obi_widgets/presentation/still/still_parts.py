"""Still pictures of parts that show other things than the charts: ladder, lists, calibration."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from obi_widgets.presentation.still.still import WIDTH, Still, Table, drawing_of, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RETURNS, DECILES = (0.0, 540.0), (590.0, float(WIDTH))
"""Left and right edge of the two charts of a calibration, pixels."""

TOP, BOTTOM, HEIGHT = 30.0, 190.0, 216
"""Edges of the charts, and height of the picture, pixels."""

MARGIN = 12.0
"""From a chart's edge to its first and last points, pixels."""


def of_book(bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> Still:
    """Return a ladder as a table.

    Parameters
    ----------
    bids, asks : sequence of tuple of str
        Price and size of each level, the best first.
    """
    rows = [
        [bid[1], bid[0], ask[0], ask[1]] for bid, ask in zip_longest(bids, asks, fillvalue=("", ""))
    ]
    return Still(tables=[Table(rows, ["bid size", "bid", "ask", "ask size"])] if rows else [])


def of_sheet(sheet: dict[str, Any]) -> Still:
    """Return the sheet of a calibration: verdict, returns, deciles, table and reliability.

    Parameters
    ----------
    sheet : dict
        Sheet of `SheetMaker.make`; it may have only a message.
    """
    if sheet["message"]:
        return Still(text=sheet["message"])
    horizons = Table(sheet["rows"], [name for name, _ in sheet["columns"]])
    trust = Table([[name, figure] for name, figure, _ in sheet["trust"]])
    returns, deciles = sheet["returns"], sheet["deciles"]
    return Still(
        drawing_of([*_lines(returns), *_bars(deciles)], HEIGHT),
        f"{returns['title']}. {returns['note']} {deciles['title']}.",
        f"{sheet['sign']} {sheet['word']}. {sheet['reason']} ({sheet['span']})",
        [horizons, trust],
    )


def _y(place: float) -> float:
    return TOP + place * (BOTTOM - TOP)


def _lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield the mean return by horizon, its interval, and the cost."""
    left, right = RETURNS[0], RETURNS[1] - 40
    xs = [left + MARGIN + share * (right - left - 2 * MARGIN) for share in data["x"]]
    yield text_at(left, 14, data["title"])
    for place, label in data["ticks"]:
        yield f'<path class="{"l" if label == "0" else "g"}" d="M{left} {_y(place):.1f}H{right}"/>'
        yield text_at(right + 6, _y(place) + 4, label)
    low, high = data["band"]
    for x, a, b in zip(xs, low, high, strict=True):
        if a is not None and b is not None:
            yield f'<path class="l" d="M{x:.1f} {_y(a):.1f}V{_y(b):.1f}"/>'
    if data["cost"] is not None:
        yield f'<path class="a d" d="M{left} {_y(data["cost"]):.1f}H{right}"/>'
        place = (right - 4, "end") if data["cost_last"] else (left + 4, "start")
        yield text_at(place[0], _y(data["cost"]) - 4, "cost", place[1])
    points = [(x, _y(m)) for x, m in zip(xs, data["mean"], strict=True) if m is not None]
    if points:
        yield f'<path class="b" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'
    for x, y in points:
        yield f'<path class="B" d="M{x - 3:.1f} {y:.1f}a3 3 0 1 0 6 0a3 3 0 1 0-6 0"/>'
    for x, label in zip(xs, data["labels"], strict=True):
        yield text_at(x, HEIGHT - 8, label, "middle")
    yield text_at(right + 40, HEIGHT - 8, "s", "end")


def _bars(data: dict[str, Any]) -> Iterator[str]:
    """Yield the mean return of each decile of the signal."""
    left, right = DECILES
    step = (right - left) / len(data["at"])
    yield text_at(left, 14, data["title"])
    zero = _y(data["zero"])
    for number, place in enumerate(data["at"]):
        x = left + (number + 0.5) * step
        yield text_at(x, HEIGHT - 8, f"{number + 1}", "middle")
        if place is None:
            continue
        kind, wide = ("B" if _y(place) < zero else "A"), 0.38 * step
        yield (
            f'<path class="{kind}" d="M{x - wide:.1f} {zero:.1f}'
            f'H{x + wide:.1f}V{_y(place):.1f}H{x - wide:.1f}z"/>'
        )
        yield text_at(x, _y(place) + (-4 if kind == "B" else 12), data["texts"][number], "middle")
    yield f'<path class="l" d="M{left} {zero:.1f}H{right}"/>'
