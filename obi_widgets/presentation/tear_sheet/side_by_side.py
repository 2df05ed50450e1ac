"""Signals side by side: the figures and texts of a comparison, as JSON that a page draws.

Texts are complete, and positions are fractions, 0 to 1, of a chart's or a cell's width and height.
What depends on the horizon that is judged is a list with an entry for each horizon, so that a page
changes it without a kernel.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.incremental import LEAST_OWN, TWINS
from obi_widgets.presentation.still.still import ALIVE, Still, Table
from obi_widgets.presentation.tear_sheet.tear_sheet import ticks
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import NOTHING, number
from obi_widgets.signals.signal import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from obi_widgets.calibration.signal_comparison import Comparison

    Floats = NDArray[np.float64]
    Range = tuple[float, float]

FEW = 20
"""Spans of a horizon within the record, below which its figures are pale."""

MOST_COLUMNS = 4
"""Horizons that the table shows; the curves show all."""

COSTS = "Whether that pays is another question: obi.calibrate counts the costs."


def sheet(found: Comparison) -> dict[str, Any]:
    """Return the sheet of a comparison; see `widgets/static/side_by_side.js`."""
    horizons, half = found.horizons, (found.high - found.low) / 2
    of_ic = _axis(found.low, found.high, found.rank_ic)
    own_low, own_high = (
        found.of_all(one) for one in (found.incremental.low, found.incremental.high)
    )
    own_p = found.of_all(found.incremental_p_adjusted)
    of_adds = _axis(own_low, own_high, found.adds)
    areas = np.array([[one.low, one.auc, one.high] for one in found.next_moves])
    of_auc = (min(0.48, _least(areas) - 0.01), max(0.58, 0.01 - _least(-areas)))
    spans = [int(found.seconds / seconds) for seconds in horizons.tolist()]
    pale = [count < FEW for count in spans]
    error, looks = 1 - found.level, found.tried * len(horizons)
    percent = f"{100 * found.level:g} %"
    rows = []
    for at, name in enumerate(found.names):
        auc = found.next_moves[at]
        rows.append({
            "number": f"{at + 1}",
            "name": title_of(name),
            "about": _persists(found.coefficients[at].persistence),
            "tip": _row_tip(found, at),
            "used": name in found.used,
            "ic": [
                _cell(value, low, high, of_ic, told=p < error, pale=dim)
                for value, low, high, p, dim in zip(
                    found.rank_ic[at], found.low[at], found.high[at], found.p_adjusted[at], pale,
                    strict=True,
                )
            ],
            "half": _half(found, at),
            "auc": _cell(auc.auc, auc.low, auc.high, of_auc, told=not auc.low <= 0.5 <= auc.high,
                         sign=False),
            "on": _on(found, at),
            "adds": [
                _cell(value, low, high, of_adds, told=p < error, pale=dim)
                for value, low, high, p, dim in zip(
                    found.adds[at], own_low[at], own_high[at], own_p[at], pale, strict=True
                )
            ],
            "verdict": [_verdict(found, at, row) for row in range(len(horizons))],
        })  # fmt: skip
    return {
        "verdicts": [_headline(found, row) for row in range(len(horizons))],
        "market": (found.origin.market if found.origin else "") or "a market without a name",
        "span": _span(found),
        "horizons": [f"{seconds:g} s" for seconds in horizons.tolist()],
        "spans": [f"{count:,} spans" for count in spans],
        "judged": (len(horizons) - 1) // 2,
        "columns": [_columns(len(horizons), row) for row in range(len(horizons))],
        "looks": f"{looks:,} coefficients are looked at; what is filled holds for all of them "
                 "together",
        "moves": f"{max((one.n for one in found.next_moves), default=0):,} moves",
        "alone": len(found.used) < 2,
        "rows": rows,
        "scales": {"ic": _scale(of_ic), "auc": _scale(of_auc, 0.5), "adds": _scale(of_adds)},
        "curves": _curves(found, half, of_ic, pale, percent),
        "matrix": _matrix(found),
        "notes": [
            ["How to read it", "Each figure is the rank correlation of a signal with the mid’s "
             f"return that follows (information coefficient, IC). Whisker: {percent}, corrected "
             "for overlap. Filled: beyond zero with all looks counted; ring: not. Pale: fewer than "
             f"{FEW} independent spans, too few to judge. AUC: one random time between each two "
             "moves; 0.5 is a coin, and its whisker is of it alone. It tells which way the next "
             "tick goes, not that it pays."],
            ["Adds", "The IC that is left given the other signals. Of two signals that go with "
             f"each other at {TWINS:.2f} or more the later repeats the other, and the two are not "
             "held against each other."],
            *(["", formatting.signed(text)] for text in found.limits),
        ],
    }  # fmt: skip


def still_of(found: Comparison) -> Still:
    """Return the sheet as tables of texts, for where no kernel runs."""
    made = sheet(found)
    judged = made["judged"]
    if not made["horizons"]:
        return Still(sentence=f"Signals side by side, {made['market']}. {ALIVE}", text=repr(found))
    head = ["", *made["horizons"], "half-life", "AUC", "on", f"adds at {made['horizons'][judged]}"]
    cells = [
        [
            f"{row['number']} {row['name']}",
            *(_of_still(cell) for cell in row["ic"]),
            row["half"][0], _of_still(row["auc"]), row["on"][0], _of_still(row["adds"][judged]),
            " ".join(filter(None, row["verdict"][judged])),
        ]
        for row in made["rows"]
    ]  # fmt: skip
    said = made["verdicts"][judged]
    return Still(
        sentence=f"Signals side by side, {made['market']}, {made['span']}. Rank IC by horizon; "
        f"* holds for all looks together. {ALIVE}",
        text=f"{said['word']}. {said['text']}",
        tables=[Table(cells, [*head, "verdict"])],
    )


def _of_still(cell: dict[str, Any]) -> str:
    return f"{cell['text']} {cell['half']}".strip() + ("*" if cell["told"] else "")


# -- texts ---------------------------------------------------------------------------------------


def _headline(found: Comparison, row: int) -> dict[str, str]:
    """Return the verdict on all signals at a horizon."""
    adds = [title_of(name) for name in _telling(found, row)]
    seconds, length = f"{found.horizons[row]:g} s", formatting.duration(found.seconds)
    many = len(found.names)
    alone = len(found.used) < 2
    known = found.p_adjusted[:, row] if alone else found.incremental_p_adjusted[:, row]
    if np.isnan(known).all():
        return {
            "word": "? Too short",
            "text": f"These {length} are too short to tell what predicts the next {seconds}.",
        }
    if not adds:
        what = "anything" if alone else "anything of its own"
        return {"word": "✕ None is significant" if alone else "✕ None adds",
                "text": f"In these {length} no signal is seen to tell {what} about the next "
                        f"{seconds}. That does not show that none does."}  # fmt: skip
    what = "something" if alone else "something of their own"
    if len(adds) == 1 and not alone:
        what = "something of its own"
    count = f"{len(adds)} of {many}"
    verb = "tells" if len(adds) == 1 else "tell"
    return {
        "word": f"✓ {count} {verb}" if alone else f"✓ {count} add{'s' * (len(adds) == 1)}",
        "text": f"In these {length} {count} {verb} {what} about the next {seconds}: "
        f"{', '.join(adds)}. {COSTS}",
    }


def _telling(found: Comparison, row: int) -> list[str]:
    """Return the signals that tell something of their own at a horizon; of twins the first."""
    alone = len(found.used) < 2
    p = found.p_adjusted if alone else found.of_all(found.incremental_p_adjusted)
    told = [name for name, one in zip(found.names, p[:, row], strict=True) if one < 1 - found.level]
    return [name for name in told if found.repeats(name) not in told]


def _verdict(found: Comparison, at: int, row: int) -> tuple[str, str, str]:
    """Return what is found of a signal at a horizon: a sign, a word and why."""
    name, error = found.names[at], 1 - found.level
    if name in found.left_out:
        return NOTHING, "left out", found.left_out[name]
    used = found.used.index(name)
    if found.incremental.own[used] < LEAST_OWN:
        return "?", "collinear", "with others together"
    if other := found.repeats(name):
        value = found.incremental.correlation[used, found.used.index(other)]
        return ("≈", f"repeats {found.names.index(other) + 1}",
                f"correlation {number(value, 2)}")  # fmt: skip
    told = found.p_adjusted[at, row] < error
    if len(found.used) < 2:
        return ("✓", "significant", "") if told else ("?", "not shown", "in these data")
    own = found.incremental_p_adjusted[used, row]
    if math.isnan(own) and math.isnan(found.p_adjusted[at, row]):
        return "?", "too short", "to tell"
    if own < error:
        return "✓", "adds", "its own part"
    return (NOTHING, "adds nothing", "seen, not its own") if told else (
        "?", "not shown", "in these data"
    )  # fmt: skip


def _row_tip(found: Comparison, at: int) -> str:
    half, on = _half(found, at), _on(found, at)
    return ". ".join(
        [found.names[at], found.says(found.names[at]).capitalize(),
         f"Half-life of its IC {' '.join(half).strip()}", f"On {' '.join(on).strip()}"]
    )  # fmt: skip


def _persists(seconds: float) -> str:
    return f"persists {seconds:.2g} s" if math.isfinite(seconds) else ""


def _half(found: Comparison, at: int) -> tuple[str, str]:
    """Return the half-life of a coefficient, and what stands below it."""
    known, row = found.half_life[at], found.rank_ic[at]
    if math.isfinite(known):
        return f"{known:.2g} s" if known < 100 else f"{known:.0f} s", ""
    if np.isnan(row).all():
        return NOTHING, ""
    peak = int(np.nanargmax(np.abs(row)))
    if found.p_adjusted[at, peak] < 1 - found.level:
        return f"> {found.horizons[-1]:g} s", ""
    return NOTHING, ""


def _on(found: Comparison, at: int) -> tuple[str, str]:
    share, threshold = found.share_on[at], found.threshold[at]
    if math.isnan(share):
        return NOTHING, ""
    return f"{number(100 * share, 0)} %", f"> {threshold:.2g}"


def _span(found: Comparison) -> str:
    length = formatting.duration(found.seconds)
    if found.origin is None:
        return length
    start, end = found.origin.start, found.origin.end
    return f"{start[:10]} {start[11:19]}–{end[11:19]} UTC · {length}"


# -- figures -------------------------------------------------------------------------------------


def _cell(
    value: float,
    low: float,
    high: float,
    axis: Range,
    *,
    told: bool,
    pale: bool = False,
    sign: bool = True,
) -> dict[str, Any]:
    """Return a figure, and where its dot and its whisker are."""
    return {
        "text": number(value, 2, sign=sign),
        "half": f"± {number((high - low) / 2, 2)}" if high == high else "",
        "at": _along(value, axis),
        "low": _along(low, axis),
        "high": _along(high, axis),
        "told": bool(told and math.isfinite(value) and high == high),
        "pale": bool(pale),
    }


def _least(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.min()) if len(known) else math.inf


def _axis(*values: Floats) -> Range:
    """Return a range that holds all values and 0."""
    every = np.concatenate([np.ravel(one) for one in values])
    low, high = min(_least(every), 0.0), max(-_least(-every), 0.0)
    room = 0.06 * max(high - low, 0.1)
    return max(low - room, -1.0), min(max(high, low + 0.1) + room, 1.0)


def _scale(axis: Range, zero: float = 0.0) -> dict[str, Any]:
    """Return where a column's neutral value is, and the few values below the column."""
    values, decimals = ticks(*axis)
    at = _along(zero, axis) or 0.0
    # Or one text would stand on the other, or beyond the cell.
    apart = [one for one in values if at + 0.45 < (_along(one, axis) or 0.0) < 0.82]
    shown = [zero, *apart[-1:]]
    signed = zero == 0
    return {
        "zero": _along(zero, axis),
        "ticks": [
            (_along(one, axis), "0" if not one else number(one, max(decimals, 1), sign=signed))
            for one in shown
        ],
    }


def _along(value: float, axis: Range) -> float | None:
    low, high = axis
    if not math.isfinite(value) or not low < high:
        return None
    return round(float((min(max(value, low), high) - low) / (high - low)), 4)


def _columns(count: int, judged: int) -> list[int]:
    """Return which horizons the table shows, the judged one among them."""
    if count <= MOST_COLUMNS:
        return list(range(count))
    spread = np.linspace(0, count - 1, MOST_COLUMNS).round().astype(int).tolist()
    if judged not in spread:
        nearest = min(range(MOST_COLUMNS), key=lambda at: abs(spread[at] - judged))
        spread[nearest] = judged
    return sorted(spread)


def _curves(
    found: Comparison, half: Floats, axis: Range, pale: Sequence[bool], percent: str
) -> dict[str, Any]:
    """Return the coefficient of each signal by horizon, with its band."""
    log = np.log(found.horizons)
    across = (log - log[0]) / (log[-1] - log[0]) if len(log) > 1 else np.zeros(len(log))
    values, decimals = ticks(*axis)

    def places(row: Floats) -> list[float | None]:
        return [None if (at := _along(one, axis)) is None else 1 - at for one in row.tolist()]

    few = " · hatched: too few to judge" if any(pale) else ""
    return {
        "title": f"IC by horizon, {percent}{few}",
        "x": across.round(4).tolist(),
        "labels": [f"{seconds:g}" for seconds in found.horizons.tolist()],
        "few": next((at for at, one in enumerate(pale) if one), None),
        "ticks": [
            (1 - (_along(one, axis) or 0.0), number(one, decimals, sign=True) if one else "0")
            for one in values
        ],
        "lines": [
            {
                "mean": places(found.rank_ic[at]),
                "low": places(found.low[at]),
                "high": places(found.high[at]),
                "tips": [
                    f"{title_of(name)}, {seconds:g} s: {number(value, 3, sign=True)} ± "
                    f"{number(wide, 3)}"
                    for seconds, value, wide in zip(
                        found.horizons.tolist(), found.rank_ic[at], half[at], strict=True
                    )
                ],
            }
            for at, name in enumerate(found.names)
        ],
        "chosen": [found.names.index(name) for name in found.used[:2]],
    }


def _matrix(found: Comparison) -> dict[str, Any] | None:
    """Return the correlations of each two signals, the lower half; None for fewer than two."""
    if len(found.used) < 2:
        return None
    values = found.incremental.correlation
    numbers = [f"{found.names.index(name) + 1}" for name in found.used]
    return {
        "title": f"Rank correlation between signals · framed: {TWINS:.2f} or more",
        "numbers": numbers,
        "names": [title_of(name) for name in found.used],
        "short": [formatting.shortened(title_of(name), 11) for name in found.used],
        "cells": [
            [
                {
                    "text": _short(values[row, column]),
                    "share": round(float(np.nan_to_num(values[row, column])), 3),
                    "framed": bool(abs(values[row, column]) >= TWINS),
                }
                for column in range(row)
            ]
            for row in range(len(found.used))
        ],
    }


def _short(value: float) -> str:
    """Return a correlation without its leading zero."""
    text = number(value, 2)
    return f"{text[:-1]}" if text.endswith("1.00") else text.replace("0.", ".", 1)
