"""A still picture of a frame: what a saved notebook shows when no kernel runs.

Here are the pictures of the market; those of other parts are in `still_parts`. The charts are an
SVG image. The figures stand beside it as HTML, because a notebook that is not trusted shows texts
and tables, and no images.
"""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.charts.downsampling import spaced_marks
from obi_widgets.presentation.charts.ticks import clock_ticks, nice_step, nice_ticks
from obi_widgets.presentation.texts import effects, formatting
from obi_widgets.presentation.texts.instrument_units import unit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from obi_widgets.presentation.frames.frame import Frame

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

WIDTH, RIGHT = 900, 824
"""Width of the picture, and right edge of its charts, pixels. Labels of the values follow."""

PRICE, SIGNAL = (24.0, 264.0), (292.0, 372.0)
"""Top and bottom of the two charts, pixels."""

HEIGHT = 396

MAX_ENTRIES = 300
"""Newest entries that are drawn, at most: a notebook should stay small."""

STYLE = """
svg{--ink:#111;--ground:#fff;--grid:#e3e5e7;--label:#62676d;--bid:#0072b2;--ask:#b84e00}
@media(prefers-color-scheme:dark){
svg{--ink:#eee;--ground:#111;--grid:#333;--label:#a8adb3;--bid:#56b4e9;--ask:#e69f00}}
rect{fill:var(--ground)}text{fill:var(--label);font:11px system-ui,sans-serif}
path{fill:none;stroke:var(--ink)}.g{stroke:var(--grid)}.d{stroke-dasharray:4 3}
.l{stroke:var(--label);stroke-dasharray:2 3}.r{stroke:none;fill:var(--label);opacity:.45}
.b{stroke:var(--bid)}.a{stroke:var(--ask)}.B{fill:var(--bid);stroke:none}
.A{fill:var(--ask);stroke:none}
""".replace("\n", "")

ALIVE = "Run this cell to start it again."


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes
    ----------
    rows : sequence of sequence of str
        The first text of a row is its name.
    head : sequence of str
        Names of the columns; empty for none.
    """

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()


@dataclass(frozen=True)
class Still:
    """What a still picture shows below its sentence.

    Attributes
    ----------
    image : str
        An SVG, see `drawing_of`; empty for none.
    described : str
        What the image shows, for those who do not see it.
    text : str
        A paragraph above the image; empty for none.
    tables : sequence of Table
        Figures beside the image.
    sentence : str
        What it is a picture of; if empty, market and time of the frame.
    """

    image: str = ""
    described: str = ""
    text: str = ""
    tables: Sequence[Table] = ()
    sentence: str = ""


def of_market(frame: Frame) -> Still:
    """Return price, entries and signal as an image, and the figures of a frame."""
    if not frame.states:
        return Still()
    return Still(svg(frame), _described(frame), tables=of_figures(frame).tables)


def of_figures(frame: Frame) -> Still:
    """Return the newest values, the settings, and the results of the entries."""
    return Still(tables=[Table(_figures(frame))] if frame.states else [])


def bundle(frame: Frame, shown: Still | None = None) -> dict[str, str]:
    """Return a still picture of a session as HTML and as plain text, by MIME type.

    Parameters
    ----------
    frame : Frame
        Frame whose market and time the sentence names; it may have no states.
    shown : Still, optional
        What it shows; `of_market` if left out.

    Returns
    -------
    dict of str to str
        ``text/html`` and ``text/plain``.
    """
    shown = of_market(frame) if shown is None else shown
    return written(titled(frame, shown))


def titled(frame: Frame, shown: Still) -> Still:
    """Return a still picture with the sentence about the market and the time of a frame."""
    return replace(shown, sentence=_sentence(frame))


def written(shown: Still, kind: str = "obi-still") -> dict[str, str]:
    """Return a still picture that has its sentence, as HTML and as plain text, by MIME type.

    The style sheet of the widgets hides the class ``obi-still`` beside a widget that runs. What no
    widget shows has another ``kind``.
    """
    drawn = ""
    if shown.image:
        image = base64.b64encode(shown.image.encode()).decode()
        drawn = (
            f'<img width="{WIDTH}" style="max-width:100%" alt="{escape(shown.described)}" '
            f'src="data:image/svg+xml;base64,{image}">'
        )
    tables = "".join(map(_table_html, shown.tables))
    texts = [shown.sentence, *([shown.text] if shown.text else [])]
    said = "".join(f"<p>{escape(text)}</p>" for text in texts)
    html = f'<div class="{kind}">{said}{drawn}{tables}</div>'
    plain = [_table_plain(table) for table in shown.tables]
    return {"text/html": html, "text/plain": "\n".join([*texts, *plain])}


def _table_html(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.head)
    rows = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{''.join(rows)}</table>"


def _table_plain(table: Table) -> str:
    head = ["\t".join(table.head)] if table.head else []
    if head:
        return "\n".join([*head, *("\t".join(row) for row in table.rows)])
    return "\n".join(": ".join(row) for row in table.rows)


def svg(frame: Frame) -> str:
    """Return the price with its entries and the signal with its threshold, as an SVG image.

    Parameters
    ----------
    frame : Frame
        Frame with at least one state.

    Returns
    -------
    str
        The SVG; light or dark as the browser prefers.
    """
    return drawing_of([*_grid(frame), *_price(frame), *_signal(frame)], HEIGHT)


def drawing_of(pieces: Iterable[str], height: int) -> str:
    """Return pieces of SVG as an image, light or dark as the browser prefers."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}">'
        f"<style>{STYLE}</style><rect width='100%' height='100%'/>{''.join(pieces)}</svg>"
    )


# -- texts -------------------------------------------------------------------------------------


def _sentence(frame: Frame) -> str:
    instrument = frame.instrument
    what = f"{instrument.symbol}, {instrument.label}".strip(", ")
    if not frame.states:
        return f"Still picture of {what}, before the first data. {ALIVE}"
    return f"Still picture of {what}, {_moment(int(frame.history.time[-1]))} UTC. {ALIVE}"


def _described(frame: Frame) -> str:
    length = formatting.duration(frame.window_seconds)
    return f"Price with entries, and {frame.parameters.signal.title}, over {length}."


def _figures(frame: Frame) -> list[tuple[str, str]]:
    """Return the newest values, the settings, and the results of the entries."""
    parameters, last = frame.parameters, frame.history[-1:]
    mid, spread = float(last.mid[0]), float(last.ask[0] - last.bid[0])
    settings = [
        f"{parameter.title.lower()} {formatting.value(parameter, value) or value}"
        for name, value in parameters.values
        if (parameter := parameters.signal.parameters[name]) and value is not None
    ]
    beyond = "±" if parameters.threshold_is == "value" else "beyond quantile "
    settings += [f"threshold {beyond}{parameters.threshold:g}"]
    settings += [f"hold {parameters.hold_seconds:g} s", parameters.execution.replace("_", "-")]
    rows = [
        ("mid", formatting.mid(mid, frame.tick_size)),
        ("spread", formatting.spread(spread, mid, frame.tick_size)),
        (
            parameters.signal.title,
            formatting.signal(
                frame.signal,
                frame.signal_range,
                unit_of(parameters.signal, frame.instrument),
                directional=parameters.signal.directional,
            ),
        ),
        ("settings", formatting.signed(", ".join(settings))),
    ]
    results, note = effects.results(frame)
    rows += [(name, figure) for name, figure, _ in results]
    return [*rows, *([("", note)] if note else [])]


def _moment(time: int, style: str = "%Y-%m-%d %H:%M:%S") -> str:
    return f"{dt.datetime.fromtimestamp(time / 1e9, dt.UTC):{style}}"


# -- drawing -----------------------------------------------------------------------------------


def _x(frame: Frame, time: Ints) -> Floats:
    start, end, _ = frame.window
    return np.asarray((time - start) / (end - start) * RIGHT)


def _y(values: Floats, span: tuple[float, float], box: tuple[float, float]) -> Floats:
    (low, high), (top, bottom) = span, box
    return np.asarray(bottom - (np.clip(values, low, high) - low) / (high - low) * (bottom - top))


def line_of(x: Floats, y: Floats, kind: str = "", *, steps: bool = False) -> str:
    """Return a line; NaN breaks it."""
    commands, drawing = [], False
    for a, b in zip(np.clip(x, 0, RIGHT).tolist(), y.tolist(), strict=True):
        if b != b:
            drawing = False
            continue
        if not drawing:
            commands.append(f"M{a:.1f} {b:.1f}")
        else:
            commands.append(f"H{a:.1f}V{b:.1f}" if steps else f"L{a:.1f} {b:.1f}")
        drawing = True
    return f'<path class="{kind}" d="{"".join(commands)}"/>' if commands else ""


def _rule(y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M0 {y:.1f}H{RIGHT}"/>'


def text_at(x: float, y: float, text: str, anchor: str = "start") -> str:
    """Return a text at a place."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _grid(frame: Frame) -> Iterator[str]:
    """Yield the titles, and lines at round times."""
    quote = frame.instrument.quote
    yield text_at(0, 14, f"Mid, {quote}" if quote else "Mid")
    of = frame.parameters.signal
    unit = unit_of(of, frame.instrument)
    yield text_at(0, SIGNAL[0] - 8, f"{of.title}, {unit}" if unit else of.title)
    start, end, _ = frame.window
    style = "%H:%M:%S" if end - start < 86_400 * 10**9 else "%b %d %H:%M"
    ticks = clock_ticks(start, end)
    for time, x in zip(ticks.tolist(), _x(frame, ticks).tolist(), strict=True):
        if not 30 < x < RIGHT - 30:
            continue  # its label would be cut off
        yield (
            f'<path class="g" d="M{x:.1f} {PRICE[0]}V{PRICE[1]}M{x:.1f} {SIGNAL[0]}V{SIGNAL[1]}"/>'
        )
        yield text_at(x, HEIGHT - 8, _moment(time, style), "middle")


def _price(frame: Frame) -> Iterator[str]:
    """Yield the price and the newest entries in view."""
    span = low, high = frame.price_range
    if not low < high:
        return
    decimals = formatting.decimals_of(nice_step(low, high, 6))
    for value in nice_ticks(low, high, 6).tolist():
        y = float(_y(np.array([value]), span, PRICE)[0])
        yield _rule(y, "g")
        yield text_at(RIGHT + 6, y + 4, formatting.number(value, decimals))
    time, mid = frame.price
    yield line_of(_x(frame, time), _y(mid, span, PRICE), steps=True)
    trades, window = frame.trades, frame.window
    end = np.where(trades.exit_time > 0, trades.exit_time, trades.entry_time)
    seen = (end >= window.start) & (trades.entry_time <= window.end)
    seen &= np.isfinite(trades.entry_price)
    seen[seen] = spaced_marks(trades.entry_time[seen], window)
    rows = np.flatnonzero(seen)[-MAX_ENTRIES:]
    x1, x2 = _x(frame, trades.entry_time[rows]), _x(frame, end[rows])
    y1, y2 = (_y(p[rows], span, PRICE) for p in (trades.entry_price, trades.exit_price))
    won, longs = trades.gross_bps[rows] > 0, trades.side[rows] > 0
    for a, b, c, d, good, long in zip(x1, y1, x2, y2, won, longs, strict=True):
        if d == d:  # not NaN: the entry has left
            yield line_of(np.array([a, c]), np.array([b, d]), "b" if good else "a d")
            yield f'<path d="M{c - 3:.1f} {d:.1f}a3 3 0 1 0 6 0a3 3 0 1 0-6 0"/>'
        if a >= 0:
            up = -5 if long else 5
            kind = "B" if long else "A"
            yield f'<path class="{kind}" d="M{a - 5:.1f} {b - up:.1f}h10l-5 {2 * up}z"/>'


def _signal(frame: Frame) -> Iterator[str]:
    """Yield the signal: its states, or its range in each column and its mean; and the threshold."""
    shown = frame.signals[0]
    span = low, high = frame.signal_range
    for value in (frame.threshold, -frame.threshold, 0.0):
        if low <= value <= high:
            y = float(_y(np.array([value]), span, SIGNAL)[0])
            yield _rule(y, "l" if value else "g")
            yield text_at(RIGHT + 6, y + 4, formatting.signal_number(value, span) if value else "0")
    time, least, greatest = shown.extent
    known = np.isfinite(least)
    if known.any():
        x = _x(frame, time[known])
        top, bottom = (_y(edge[known], span, SIGNAL) for edge in (greatest, least))
        yield "".join(
            ['<path class="r" d="']
            + [
                f"M{a - 0.7:.1f} {b - 0.5:.1f}h1.4V{c + 0.5:.1f}h-1.4z"
                for a, b, c in zip(x.tolist(), top.tolist(), bottom.tolist(), strict=True)
                if a >= 0
            ]
            + ['"/>']
        )
    time, line = shown.line
    yield line_of(_x(frame, time), _y(line, span, SIGNAL), steps=shown.raw)
