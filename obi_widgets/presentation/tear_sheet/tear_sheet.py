"""The tear sheet: the figures and texts of a calibration. It has no widget, so tests can read it.

A sheet is a dict of JSON that the page draws without computing anything: texts are complete, and
positions are fractions, 0 to 1, of a chart's width and height.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from obi_widgets.calibration.holdout import DEFAULT_HOLD_OUT
from obi_widgets.presentation.charts.axis_range import Axis
from obi_widgets.presentation.tear_sheet.tear_sheet_surface import of_proposal, of_surface
from obi_widgets.presentation.texts import formatting
from obi_widgets.presentation.texts.formatting import MINUS, NOTHING, number
from obi_widgets.signals.signal import title_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.calibration.report import Report
    from obi_widgets.calibration.result import CalibrationResult
    from obi_widgets.market_data.events import Instrument

    Floats = NDArray[np.float64]

SIGNS = {"viable": "✓", "not viable": "✕", "not enough data": "?"}
TONES = {"viable": "good", "not viable": "bad", "not enough data": ""}

WAITING = "Waiting for data. A verdict needs a few minutes of book states."
CALCULATING = "Calculating."

COLUMNS = (
    ("horizon", ""),
    ("n", "States beyond the threshold that have a return"),
    ("n eff.", "Effective number: so many independent returns have the same information"),
    ("mean, bps", "Mean return of mid after the signal; + where mid moved to the signal's side"),
    ("95 %", "Half-width of the confidence interval, corrected for overlapping returns"),
    ("t", "The mean divided by its standard error, corrected for overlapping returns (Hodrick; "
     "Newey–West is in report.table)"),
    ("t, naive", "t if all returns were independent: too high, shown as a warning"),
    ("rank IC", "Rank correlation of signal and return"),
    ("hold-out", "Mean net return of a trade in the last 30 % of the time, which was held out, "
     "bps"),
    ("p, corr.", "p value. Null hypothesis: the mean net return is zero, or no more than that of "
     "as many longs and shorts without the signal. Corrected for all settings and horizons tried "
     "(Holm)"),
    ("net, bps", "Mean return of a taker's trade, after spread and fees, bps. The verdict depends "
     "on it"),
)  # fmt: skip
"""Columns of the table: name, and tooltip."""


class SheetMaker:
    """Makes sheets, and keeps the axes of the charts steady between sheets."""

    def __init__(self) -> None:
        self._returns, self._deciles, self._ic = (Axis(least=0.02) for _ in range(3))

    def make(
        self,
        found: CalibrationResult | None,
        instrument: Instrument,
        pending: str = WAITING,
    ) -> dict[str, Any]:
        """Return the sheet of a result; ``pending`` is the text while a part is missing."""
        if found is None:
            return nothing(pending)
        report = found.report
        if report is None:
            return nothing(found.error, bad=True, selected=found.selected is not None)
        at = _shown(report)
        surface = found.surface
        return {
            "message": "",
            "bad": False,
            "word": report.verdict.capitalize(),
            "sign": SIGNS[report.verdict],
            "tone": TONES[report.verdict],
            "reason": formatting.signed(" ".join([report.reason, *report.notes])),
            "span": span(report, instrument),
            "selected": found.selected is not None,
            "returns": self._of_returns(report, at),
            "deciles": self._of_deciles(report, at),
            "ic": self._of_ic(report),
            "surface": of_surface(surface, report, stale=found.stale) if surface else None,
            "proposal": of_proposal(found.proposal, report),
            "pending": "" if surface else found.error or pending,
            "columns": COLUMNS,
            "rows": rows(report),
            "judged": report.judgement.horizon,
            "trust": trust(report),
        }

    def _of_returns(self, report: Report, at: int) -> dict[str, Any]:
        m = report.means
        mean, low, high = m.mean_bps[:, 0], m.ci_low[:, 0], m.ci_high[:, 0]
        naive = 1.96 * m.se_naive[:, 0]
        # At the longest horizons the band may be much wider than all other values: cut it.
        inner = np.concatenate([mean - naive, mean + naive, [0.0]])
        limit = 2.5 * float(np.nanmax(np.abs(inner)))
        bands = np.clip(np.concatenate([low, high]), -limit, limit)
        axis = self._returns.follow(np.concatenate([inner, bands]))
        tips = [
            f"{_seconds(h)}: {_within(mu, (up - lo) / 2, 2)} bps, n {n:,}"
            for h, mu, lo, up, n in zip(
                report.horizons, mean, low, high, m.n[:, 0].tolist(), strict=True
            )
        ]
        cost = report.cost_bps[at]
        note = "Band: 95 % interval. Dotted: the same if returns were independent."
        if math.isfinite(cost):
            outside = "" if axis[0] <= cost <= axis[1] else ", outside this chart"
            note += f" Trading costs {number(cost, 1)} bps{outside}."
        return _line(report.horizons, mean, low, high, axis, tips) | {
            "title": f"Return after {_condition(report)}, bps, by horizon",
            "naive": _places(np.stack([mean - naive, mean + naive]), axis),
            "cost": _place(cost, axis) if axis[0] < cost < axis[1] else None,
            "cost_last": _nearer(mean, cost, 0, -1),
            "note": note,
            "judged": report.judgement.horizon,
        }

    def _of_ic(self, report: Report) -> dict[str, Any]:
        c = report.coefficients
        half = 1.96 * c.rank_ic_se
        low, high = np.clip(c.rank_ic - half, -1, 1), np.clip(c.rank_ic + half, -1, 1)
        axis = self._ic.follow(np.concatenate([c.rank_ic, low, high, [0.0]]))
        tips = [
            f"{_seconds(h)}: {_within(ic, wide, 3)}"
            for h, ic, wide in zip(report.horizons, c.rank_ic, half, strict=True)
        ]
        life = report.ic_half_life
        note = (
            f"Band: 95 % interval. {c.shortage.capitalize()}."
            if c.shortage
            else "Band: 95 % interval."
        )
        if math.isfinite(life):
            note += f" The linear correlation falls by half within {formatting.duration(life)}."
        return _line(report.horizons, c.rank_ic, low, high, axis, tips) | {
            "title": "Rank correlation with the return, by horizon",
            "note": note,
        }

    def _of_deciles(self, report: Report, at: int) -> dict[str, Any]:
        m, edges = report.deciles.means, report.deciles.edges
        mean = m.mean_bps[at]
        axis = self._deciles.follow(np.append(mean, 0.0))
        largest = float(np.nanmax(np.abs(mean), initial=0.0))
        tips = [
            f"{title_of(report.signal)} {number(a, 2, sign=True)} to {number(b, 2, sign=True)}: "
            f"{_within(mu, (up - lo) / 2, 2)} bps, n {n:,}"
            for a, b, mu, lo, up, n in zip(
                edges[:-1], edges[1:], mean, m.ci_low[at], m.ci_high[at], m.n[at].tolist(),
                strict=True,
            )
        ]  # fmt: skip
        return {
            "title": f"{_seconds(report.horizons[at])} return by decile of {report.signal}, bps",
            "zero": _place(0.0, axis),
            "at": _places(mean, axis),
            "texts": [_short(value, largest) for value in mean],
            "tips": tips,
            "note": "1: lowest values of the signal. 10: highest.",
        }


def _condition(report: Report) -> str:
    """Return the condition on the signal, in symbols."""
    threshold = formatting.plain(report.parameters.threshold)
    if report.parameters.threshold_is == "quantile":
        threshold = f"its {threshold}-quantile"
    return f"|{report.signal}| > {threshold}"


def pending(states: int, *, compiling: str) -> str:
    """Return what a result waits for: data, what is being compiled, or only the calculation."""
    return (compiling or CALCULATING) if states else WAITING


def nothing(message: str, *, bad: bool = False, selected: bool = False) -> dict[str, Any]:
    """Return a sheet that has only a message."""
    return {"message": message, "bad": bad, "selected": selected}


def rows(report: Report) -> list[list[str]]:
    """Return the texts of the table, one row for each horizon; see `COLUMNS`."""
    m = report.means
    half = (m.ci_high - m.ci_low)[:, 0] / 2
    return [
        [
            _seconds(seconds),
            f"{m.n[row, 0]:,}",
            number(m.n_eff[row, 0], 0),
            number(m.mean_bps[row, 0], 2, sign=True),
            formatting.margin(half[row], 2) or NOTHING,
            number(m.t_hodrick[row, 0], 1),
            number(m.t_naive[row, 0], 1),
            number(report.coefficients.rank_ic[row], 2, sign=True),
            _net(report.traded_out_of_sample.net_bps[row]),
            _p(report.net_p_adjusted[row]),
            _net(net),
        ]
        for row, (seconds, net) in enumerate(
            zip(report.horizons.tolist(), report.traded.net_bps.tolist(), strict=True)
        )
    ]


def _nearer(mean: Floats, level: float, one: int, other: int) -> bool:
    """Return whether a line is nearer to a level at one place than at another, of those it has."""
    away = np.abs(mean[np.isfinite(mean)] - level)
    return bool(len(away) and away[one] < away[other])


def _within(value: float, half: float, decimals: int) -> str:
    """Return a value with its sign and half its interval, which one case alone does not have."""
    return f"{number(value, decimals, sign=True)} {formatting.margin(half, decimals)}".rstrip()


def _net(value: float) -> str:
    return number(value, 2 if abs(value) < 99.5 else 0, sign=True)


def trust(report: Report) -> list[tuple[str, str, str]]:
    """Return rows of (name, figure, tooltip) that tell how reliable the verdict is."""
    at = _shown(report)
    horizon = _seconds(report.horizons[at]).replace(" ", "\N{NO-BREAK SPACE}")
    m, out = report.means, report.traded_out_of_sample
    held_out = _net(out.net_bps[at])
    if held_out != NOTHING:
        half = (out.ci_high - out.ci_low)[at] / 2
        held_out = f"{held_out} {formatting.margin(half, 2)}".rstrip()
    purpose, seconds = needed(report)
    more = seconds - report.seconds
    missing = (
        NOTHING if math.isnan(more) or math.isinf(more)
        else "enough" if more <= 0
        else f"{formatting.duration(more)} more"
    )  # fmt: skip
    on = 100 * report.episodes.share_on
    return [
        ("states", f"{report.states:,}", "Book states that were used"),
        (f"independent at {horizon}, about", number(m.n_eff[at, 0], 0),
         f"So many independent returns have the same information as the {m.n[at, 0]:,} "
         "overlapping ones"),
        ("episodes", f"{len(report.episodes):,}",
         f"Periods with the signal beyond the threshold: {number(on, 0)} % of the time"),
        ("settings tried", f"{report.tried:,}",
         "Different settings so far: signal and its parameters, threshold, price, selected part, "
         "and holds that are not a horizon. The map's other thresholds count as soon as a setting "
         "is changed after the map was shown. Each of them is tested at all horizons"),
        (f"p at {horizon}, corrected", _p(report.net_p_adjusted[at]),
         "p value that the mean net return is zero, or no more than without the signal. Corrected "
         "for all settings and horizons tried (Holm)"),
        (f"hold-out (last {100 * DEFAULT_HOLD_OUT:.0f} %), net bps", held_out,
         f"Mean net return of a trade held for {horizon}, in the held-out time at the end"),
        ("break-even, each side", formatting.bps(report.break_even_bps),
         "Cost of one side (spread and fee) at which the mean net return is zero"),
        (f"data {purpose}", missing,
         "With so much more data, an edge of this size would be called viable in four of five "
         "cases (80 % power)"),
    ]  # fmt: skip


def needed(report: Report) -> tuple[str, float]:
    """Return what more data would show, and the length of data needed, seconds in all."""
    at = _shown(report)
    gain = report.weakest_bps(at)
    if report.verdict == "viable":
        return "to confirm the edge", report.seconds
    if gain > 0:
        return "to confirm the edge", report.seconds_needed(gain)
    return "to detect an edge that pays", report.seconds_needed(max(report.cost_bps[at], 0.0))


def span(report: Report, instrument: Instrument) -> str:
    """Return the market, the time and the length of the data of a report."""
    first, last = (np.datetime64(end, "ns").astype("datetime64[s]") for end in _ends(report))
    dated = first.astype("datetime64[D]") != last.astype("datetime64[D]")
    text = (
        f"{at.item():%b} {at.item().day} {at.item():%H:%M:%S}" if dated
        else f"{at.item():%H:%M:%S}"
        for at in (first, last)
    )  # fmt: skip
    times = "–".join(text)
    return f"{instrument.symbol} · {times} UTC · {formatting.duration(report.seconds)}"


def _ends(report: Report) -> tuple[int, int]:
    return report.start, report.end


def _shown(report: Report) -> int:
    """Return the row of the horizon to show: the judged one, or the nearest to the hold."""
    if report.judgement.horizon >= 0:
        return report.judgement.horizon
    return int(np.abs(np.log(report.horizons / report.parameters.hold_seconds)).argmin())


def _line(
    horizons: Floats, mean: Floats, low: Floats, high: Floats, axis: tuple[float, float],
    tips: list[str],
) -> dict[str, Any]:  # fmt: skip
    """Return the data of a line over horizons with its band."""
    log = np.log(horizons)
    across = (log - log[0]) / (log[-1] - log[0]) if len(log) > 1 else np.zeros(1)
    values, decimals = ticks(*axis)
    return {
        "x": [_rounded(x) for x in across.tolist()],
        "labels": [f"{seconds:g}" for seconds in horizons.tolist()],
        "mean": _places(mean, axis),
        "band": _places(np.stack([low, high]), axis),
        "ticks": [
            (_place(value, axis), number(value, decimals, sign=True) if value else "0")
            for value in values
        ],
        "tips": tips,
    }


def ticks(low: float, high: float, max_ticks: int = 5) -> tuple[list[float], int]:
    """Return round values from ``low`` to ``high``, and how many decimals they have."""
    if not low < high:
        return [], 0
    need = (high - low) / max_ticks
    power = 10.0 ** math.floor(math.log10(need))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= need * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [n * step for n in range(first, last + 1)], formatting.decimals_of(step)


def _place(value: float, axis: tuple[float, float]) -> float | None:
    """Return the position of a value as a fraction of the height, 0 at the top; None for NaN."""
    low, high = axis
    if not math.isfinite(value) or not low < high:
        return None
    return _rounded((high - value) / (high - low))


def _places(values: Floats, axis: tuple[float, float]) -> list[Any]:
    if values.ndim == 2:
        return [_places(row, axis) for row in values]
    return [_place(value, axis) for value in values.tolist()]


def _rounded(value: float) -> float:
    return round(value, 4)


def _short(value: float, largest: float) -> str:
    """Return a value with few decimals; how few depends on the largest value of the chart."""
    if not math.isfinite(value):
        return ""
    if largest >= 0.35:
        return number(value, 1 if largest < 10 else 0, sign=True)
    text = number(value, 2, sign=True)
    return text.replace("0.", ".", 1) if text[0] in f"+{MINUS}" else text


def _seconds(value: float) -> str:
    return f"{value:g} s"


def _p(value: float) -> str:
    if not math.isfinite(value):
        return NOTHING
    return "<0.001" if value < 0.001 else f"{value:.3f}"
