"""The picture of an event study: mid and the path of each signal around large moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.presentation.still.still import (
    RIGHT,
    Still,
    Table,
    drawing_of,
    line_of,
    text_at,
    written,
)
from obi_widgets.presentation.tear_sheet.tear_sheet import ticks
from obi_widgets.presentation.texts import formatting
from obi_widgets.signals.signal import title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from obi_widgets.calibration.event_paths import EventStudy, SignalPath

    Floats = NDArray[np.float64]
    Box = tuple[float, float]

TOP, PANEL, BETWEEN, FOOT = 26.0, 104.0, 34.0, 40
"""Edges of the panels, their height, the room between them, and that below the last, pixels."""

MARGIN = 6.0
"""From the left edge to the first lag, and from the last one to the axis, pixels."""

HOW_TO_READ = (
    "Line: the mean path; dashed: the same at earlier times. Grey: its interval at each lag "
    "alone; dotted: the band for all lags up to the start together. Bar: significant by the band. "
    "Paths of signals with a direction are signed: + is with the move. No path tells whether "
    "trading pays; obi.calibrate does."
)

THEMED = (
    '<style>:is(body[data-jp-theme-light="true"],body[data-vscode-theme-kind$="light"],'
    'html[theme="light"],body.light) .obi-event-study{color-scheme:light}'
    ':is(body[data-jp-theme-light="false"],body[data-vscode-theme-kind$="dark"],'
    'html[theme="dark"],body.dark) .obi-event-study{color-scheme:dark}</style>'
)
"""Light or dark as the front end says: no widget, whose style sheet does so, need be there."""


def shown(study: EventStudy) -> dict[str, str]:
    """Return what a notebook shows of an event study, by MIME type."""
    bundle = written(still_of(study), "obi-event-study")
    return {"text/html": THEMED + bundle["text/html"], "text/plain": repr(study)}


def still_of(study: EventStudy) -> Still:
    """Return the picture of an event study, its sentences and its table."""
    head = ("", "lead", "moves", "no value", "no usual path", "result")
    rows = [
        (
            title_of(one.name),
            formatting.NOTHING if one.lead != one.lead else f"{one.lead:g} s",
            f"{one.used:,}",
            f"{one.no_value:,}",
            f"{one.no_usual:,}",
            one.says,
        )
        for one in study.signals
    ]
    count = 1 + len(study.signals)
    height = round(TOP + count * (PANEL + BETWEEN)) + FOOT - round(BETWEEN)
    described = ". ".join(f"{title_of(one.name)}: {one.says}" for one in study.signals)
    return Still(
        drawing_of(_panels(study, height), height) if study.moves else "",
        f"Mid and signals around {study.moves:,} moves. {described}.",
        " ".join([HOW_TO_READ, *map(formatting.signed, study.notes)]),
        [Table(rows, head)],
        formatting.signed(study.heading),
    )


def _panels(study: EventStudy, height: int) -> Iterator[str]:
    """Yield the panels, one below the other, and the axis of the lags."""
    boxes = [
        (top, top + PANEL) for top in TOP + (PANEL + BETWEEN) * np.arange(1 + len(study.signals))
    ]
    end = boxes[-1][1]
    values, decimals = ticks(float(study.lags[0]), float(study.lags[-1]), 9)
    for value in values:
        x = float(_x(np.array([value]), study.lags)[0])
        for top, bottom in boxes:
            yield f'<path class="g" d="M{x:.1f} {top:.1f}V{bottom:.1f}"/>'
        if 14 < x < RIGHT - 14:
            yield text_at(
                x, end + 16, formatting.number(value, decimals, sign=value != 0), "middle"
            )
    yield text_at(RIGHT, height - 6, "seconds from the start of the move", "end")
    start, stop = _x(np.array([0.0, min(study.window, study.lags[-1])]), study.lags).tolist()
    for top, bottom in boxes:
        yield (
            f'<path class="r" style="opacity:.13" d="M{start:.1f} {top:.1f}H{stop:.1f}'
            f'V{bottom:.1f}H{start:.1f}z"/>'
        )
        yield f'<path class="l" d="M{start:.1f} {top:.1f}V{bottom:.1f}"/>'
    yield text_at(0, boxes[0][0] - 8, "Mid from the start, with the move, bps")
    yield text_at((start + stop) / 2, boxes[0][1] - 6, "move", "middle")
    span = _span(study.mid_bps, np.zeros(1))
    yield from _axis(span, boxes[0])
    yield line_of(_x(study.lags, study.lags), _y(study.mid_bps, span, boxes[0]))
    for one, box in zip(study.signals, boxes[1:], strict=True):
        yield from _signal(one, box)


def _signal(one: SignalPath, box: Box) -> Iterator[str]:
    """Yield the path of a signal with its interval and band, and its usual path."""
    unit = f", {one.unit}" if one.unit else ""
    signed = "" if one.directional else ", not signed"
    title = f"{title_of(one.name)}{unit}{signed}: {one.says} ({one.used:,} moves)"
    yield text_at(0, box[0] - 8, formatting.shortened(formatting.signed(title), 130))
    edges = [one.path, one.usual]
    for half in (one.half, one.band):
        edges += [one.path - half, one.path + half]
    span = _span(*edges)
    if not span[0] < span[1]:
        return
    yield from _axis(span, box, sign=one.directional)
    x = _x(one.lags, one.lags)
    low, high = (_y(one.path + sign * one.half, span, box) for sign in (-1, 1))
    known = np.isfinite(low) & np.isfinite(high)
    if known.any():
        there = [*zip(x[known], high[known], strict=True)]
        back = [*zip(x[known][::-1], low[known][::-1], strict=True)]
        outline = "L".join(f"{a:.1f} {b:.1f}" for a, b in [*there, *back])
        yield f'<path class="r" style="opacity:.25" d="M{outline}z"/>'
    for sign in (-1, 1):
        yield line_of(x, _y(one.path + sign * one.band, span, box), "l")
    yield line_of(x, _y(one.usual, span, box), "a d")
    yield line_of(x, _y(one.path, span, box), "b")
    wide = (x[1] - x[0]) / 2 if len(x) > 1 else 2.0
    for at in x[one.told].tolist():
        left, right = max(at - wide, 0.0), min(at + wide, float(RIGHT))
        yield (
            f'<path class="B" d="M{left:.1f} {box[1] - 4:.1f}H{right:.1f}V{box[1]:.1f}'
            f'H{left:.1f}z"/>'
        )


def _axis(span: Box, box: Box, *, sign: bool = True) -> Iterator[str]:
    """Yield lines and labels at round values."""
    values, decimals = ticks(*span, 4)
    for value in values:
        y = float(_y(np.array([value]), span, box)[0])
        zero = abs(value) < 1e-12
        yield f'<path class="{"l" if zero else "g"}" d="M0 {y:.1f}H{RIGHT}"/>'
        label = "0" if zero else formatting.number(value, decimals, sign=sign)
        yield text_at(RIGHT + 6, y + 4, label)


def _span(*values: Floats) -> Box:
    """Return the range of values, with some room; equal bounds if there is none."""
    known = np.concatenate(values)
    known = known[np.isfinite(known)]
    if not len(known):
        return (0.0, 0.0)
    low, high = float(known.min()), float(known.max())
    room = 0.06 * (high - low) or 0.1 * abs(high)
    return low - room, high + room


def _x(lags: Floats, of_all: Floats) -> Floats:
    low, high = float(of_all[0]), float(of_all[-1])
    return np.asarray(MARGIN + (lags - low) / (high - low) * (RIGHT - 2 * MARGIN))


def _y(values: Floats, span: Box, box: Box) -> Floats:
    low, high = span
    if not low < high:
        return np.full(len(values), np.nan)
    return np.asarray(box[1] - (values - low) / (high - low) * (box[1] - box[0]))
