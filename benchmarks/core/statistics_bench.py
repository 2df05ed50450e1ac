"""Forward returns, and how sure a mean is: Newey–West errors by the hundred."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
import pandas as pd
from statsmodels.regression.linear_model import OLS

import obi_widgets as obi
from obi_widgets.calibration.episodes import entry_columns
from obi_widgets.calibration.forward_returns import ForwardReturns, forward_returns
from obi_widgets.calibration.statistics import sums_numba
from obi_widgets.calibration.statistics.inference import Means, conditional_mean, quotient
from obi_widgets.kernels import loader
from obi_widgets.kernels.threads import run_tasks
from obi_widgets.session.background_calibration import Calibrator
from obi_widgets.session.trials import Tried

from .data import DAY, RATE, synthetic
from .entries_bench import SETTINGS
from .sweeps import GRID
from .table import Row, Section, release, took
from .timing import interleave

HORIZONS = np.array([1, 2, 3, 5, 7, 10, 15, 20, 30, 60.0])
THRESHOLDS = GRID["threshold"]
FITTED = 8  # the threshold whose cells statsmodels fits, a regression a horizon
HOUR = 3600 * RATE


def newey_west(x: np.ndarray, returns: ForwardReturns) -> tuple[np.ndarray, np.ndarray]:
    """Return means and Newey–West errors alone, shape (H, K)."""
    overlap = returns.overlap
    sums = np.empty((len(overlap), 6, x.shape[1]))

    def compute(rows: Iterable[int]) -> None:
        for row in rows:
            y, end, lag = returns.bps[row], returns.end[row], int(overlap[row])
            sums_numba.starts(x, y, end, lag, sums[row])

    run_tasks(compute, range(len(overlap)))
    return quotient(sums, overlap[:, None])


def regressions(x: np.ndarray, returns: ForwardReturns) -> list[tuple[float, float]]:
    """Return mean and Newey–West error of one column of events at each horizon."""
    out = []
    for y, end, lag in zip(returns.bps, returns.end, returns.overlap.tolist(), strict=True):
        fit = OLS(np.nan_to_num(y), np.where(end >= 0, x, 0).astype(float)).fit(
            cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False}
        )
        out.append((fit.params[0], fit.bse[0]))
    return out


def check_errors(x: np.ndarray, returns: ForwardReturns, means: Means) -> None:
    """Compare estimates and errors with those of statsmodels, cell by cell."""
    wanted = np.transpose(regressions(x[:, FITTED], returns))
    found = np.array([means.mean_bps[:, FITTED], means.se_bps[:, FITTED]])
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
    alone = np.array(newey_west(x, returns))
    np.testing.assert_array_equal(alone, [means.mean_bps, means.se_bps])


def searched(history: obi.History) -> np.ndarray:
    """Search for where each horizon ends; returns in bps, shape (H, T)."""
    time, mid = history.time, history.mid
    out = np.empty((len(HORIZONS), len(time)))
    for row, seconds in enumerate(HORIZONS):
        due = time + round(seconds * 1e9)
        at = np.searchsorted(time, due, side="right") - 1
        out[row] = np.where(due <= time[-1], 1e4 * (mid[at] / mid - 1), np.nan)
    return out


def merged(history: obi.History) -> np.ndarray:
    """Join each state with the last one at or before its horizon's end, as `searched`."""
    time, mid = history.time, history.mid
    then = pd.DataFrame({"time": time, "then": mid})
    out = np.empty((len(HORIZONS), len(time)))
    for row, seconds in enumerate(HORIZONS):
        due = time + round(seconds * 1e9)
        joined = pd.merge_asof(pd.DataFrame({"time": due}), then, on="time")["then"].to_numpy()
        out[row] = np.where(due <= time[-1], 1e4 * (joined / mid - 1), np.nan)
    return out


def check_returns(history: obi.History, returns: ForwardReturns) -> None:
    """Compare every return; where only the peers have one, a lost book lies within."""
    gone = np.append(0, np.cumsum(history.lost))
    rows = np.arange(len(history))
    for found in (searched(history), merged(history)):
        for row, seconds in enumerate(HORIZONS):
            due = history.time + round(seconds * 1e9)
            at = np.searchsorted(history.time, due, side="right")
            spans = gone[at] > gone[rows]
            wanted = np.where(spans, np.nan, found[row])
            np.testing.assert_allclose(returns.bps[row], wanted, rtol=0, atol=0)


def run(*, quick: bool, history: obi.History | None = None) -> Section:
    """Check, then time."""
    history = history or synthetic(DAY // 10 if quick else DAY).history()
    loader.wait()
    signal = obi.imbalance(history, SETTINGS)
    returns = forward_returns(history, HORIZONS)
    x = entry_columns(history, signal, THRESHOLDS)
    hour = history[:HOUR]
    check_returns(history, returns)
    check_errors(x, returns, conditional_mean(history.mid, returns, x))
    signals = [
        obi.imbalance(history, obi.Settings(decay=decay, depth=SETTINGS.depth))
        for decay in GRID["decay"].tolist()
    ]

    def means(signal: np.ndarray) -> Means:
        return conditional_mean(history.mid, returns, entry_columns(history, signal, THRESHOLDS))

    def answered(decay: float) -> None:
        """Ask for what a lab shows of a setting, and wait for it, in the thread of a session."""
        told = threading.Event()
        calibrator = Calibrator(Tried(), told.set)
        try:
            calibrator.ask(hour, SETTINGS.replace(decay=decay))
            if not told.wait(60) or calibrator.found.error:
                raise RuntimeError(calibrator.found.error or "There was no answer in a minute.")
        finally:
            calibrator.close()

    def judged() -> object:
        report = obi.calibrate(hour, SETTINGS)
        return report.table, report.verdict

    timed = interleave(
        {
            "returns": lambda: forward_returns(history, HORIZONS),
            "merge_asof": lambda: merged(history),
            "searchsorted": lambda: searched(history),
            "ours": lambda: conditional_mean(history.mid, returns, x),
            "alone": lambda: newey_west(x, returns),
            "statsmodels": lambda: regressions(x[:, FITTED], returns),
            "many": lambda: [means(one) for one in signals],
            "hour": judged,
            "answer": lambda: answered(0.2),
        },
        rounds=7,
        seldom=("statsmodels", "many"),
    )
    for name, times in (("200 cells", len(THRESHOLDS)), ("4,000 cells", 400)):
        timed.seconds[name] = [one and one * times for one in timed.seconds["statsmodels"]]

    peer = "OLS with HAC errors"
    few = f"{took(timed.of('200 cells'), 's')} {release('statsmodels')}, {peer}"
    lot = f"{took(timed.of('4,000 cells'), 's')} {release('statsmodels')}, {peer}"
    fitted = "statsmodels is timed at one threshold and all horizons, times {}"
    full = "; statsmodels gives Newey–West's alone"
    section = Section(
        "Calibration",
        f"{len(history):,} states. Means after an event at 10 horizons of 1 to 60 s; the lag of an "
        "error is all the states that its horizon spans. Estimates and errors of the cells that "
        "are timed equal those of statsmodels within 1e-9. Its sums over lags go through BLAS, on "
        "as many threads as that takes, and are slow where other work takes cores from them.",
    )
    section.rows += [
        Row("Newey–West, 20 thresholds × 10 horizons, two cores", took(timed.of("alone"), "ms"),
            few, timed.ratio("200 cells", "alone"), fitted.format(20), least=100),
        Row("… with Hodrick's error, from which p and intervals come",
            took(timed.of("ours"), "ms"), few, timed.ratio("200 cells", "ours"),
            fitted.format(20) + full),
        Row("… of 20 signals, 4,000 cells, all of it", took(timed.of("many"), "s"), lot,
            timed.ratio("4,000 cells", "many"), fitted.format(400) + full),
        Row("forward returns at 10 horizons, two cores", took(timed.of("returns"), "ms"),
            f"{took(timed.of('merge_asof'), 'ms')} {release('pandas')}, merge_asof",
            timed.ratio("merge_asof", "returns"), "ours leaves out what spans a lost book"),
        Row("forward returns at 10 horizons, two cores", took(timed.of("returns"), "ms"),
            f"{took(timed.of('searchsorted'), 'ms')} {release('numpy')}, searchsorted",
            timed.ratio("searchsorted", "returns"), "as above"),
        Row("`obi.calibrate` of an hour, table and verdict", took(timed.of("hour"), "ms"), "–",
            timed.of("hour"), f"{len(hour):,} states, 7 horizons", unit="s", most=1),
        Row("an hour, from a moved slider to verdict and map", took(timed.of("answer"), "ms"),
            "–", timed.of("answer"), f"{len(hour):,} states, in a session's thread", unit="s",
            most=1),
    ]  # fmt: skip
    return section
