"""What shows or judges post-only entries shows and judges those of the engine, by both bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kernel_tools import use
from scipy.stats import norm
from test_frame import frame_of

import obi_widgets as obi
from obi_widgets.calibration.as_traded import traded, worse
from obi_widgets.calibration.executed_returns import entry_returns
from obi_widgets.calibration.surface import Surface
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.texts import effects
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import scan
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.trade_list import COLUMNS, Results

DONE = (
    {}, {"latency_ms": 120.0}, {"size": 1.0, "wait_seconds": 20.0}, {"wait_seconds": 1.0},
)  # fmt: skip


def posted(**settings):
    return Parameters(**{"execution": "post_only", "hold_seconds": 3.0} | settings)


# -- the overlay -------------------------------------------------------------------------------


@pytest.mark.parametrize("execution", DONE, ids=str)
def test_the_overlay_has_the_entries_of_both_bounds(history, execution):
    p = posted(**execution)
    analysis = Analysis(p)
    for until in (900, 901, 2500, 2600, len(history)):
        analysis.update(history[:until], p)
    signal = obi.imbalance(history, p)
    found = decisions(history, signal, p)
    back, front = (scan(history, found, p, 0, None, queue) for queue in QUEUES)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(analysis.trades, name), getattr(back, name))
    assert repr(analysis.results) == repr(back.results)
    assert repr(analysis.front) == repr(front.results)
    assert analysis.untold == ""


def test_settings_that_change_leave_nothing_of_the_others(history):
    analysis = Analysis(posted())
    analysis.update(history, posted())
    assert analysis.front is not None
    analysis.update(history, Parameters())
    assert analysis.front is None
    assert len(analysis.trades.side) == len(obi.entries(history, Parameters()))


@pytest.mark.parametrize("p", [posted(), Parameters()], ids=["post-only", "taker"])
def test_a_frame_has_the_figures_of_both_bounds(history, p):
    analysis = Analysis(p)
    analysis.update(history, p)
    frame = frame_of(history, p)
    assert repr(frame.results) == repr(analysis.results)
    assert repr(frame.front) == repr(analysis.front)
    assert (frame.front is None) == (p.execution == "taker")


def test_before_the_first_trade_it_says_why_there_is_no_entry(history):
    first = int(np.searchsorted(history.trade_ends, 0, "right"))
    p = posted(threshold=0.0)
    analysis = Analysis(p)
    analysis.update(history[:first], p)
    assert len(analysis.trades.side) == 0
    assert analysis.untold.startswith("Post-only fills are computed from trades")
    for until in (first + 1, first + 200):
        analysis.update(history[:until], p)
    assert analysis.untold == ""
    known = history[:until]
    wanted = scan(known, decisions(known, obi.imbalance(known, p), p), p, 0, None)
    np.testing.assert_array_equal(analysis.trades.entry_time, wanted.entry_time)


class Shown:
    """As much of a frame as its figures need."""

    def __init__(self, history, results, front):
        self.history, self.results, self.front = history, results, front
        self.parameters, self.untold = posted(), ""


@pytest.mark.parametrize(
    ("back", "front", "net", "tone"),
    [
        (-1.2, 0.4, "\N{MINUS SIGN}1.20 to +0.40 bps", "bad"),
        (0.5, 0.4, "+0.50 to +0.40 bps", "good"),
        (0.5, -0.4, "+0.50 to \N{MINUS SIGN}0.40 bps", "bad"),
    ],
)
def test_figures_tell_both_bounds(history, back, front, net, tone):
    one, other = (Results(n, 0.5, 1.0, mean, 0.1, 7) for n, mean in ((13, back), (57, front)))
    rows, note = effects.results(Shown(history, one, other))
    assert [value for _, value, _ in rows] == ["13 to 57", "6 of 13 to 50 %", "+1.00 bps", net, "7"]
    assert [what for what, *_ in rows][3] == "mean, after fees"
    assert rows[3][2] == tone
    assert note.startswith("Figures: last to first in the queue. The chart shows the last.")


def test_figures_of_a_bound_without_entries(history):
    none, other = Results(0, *[np.nan] * 4, 20), Results(40, 0.5, 1.0, -0.4, 0.1, 7)
    rows, note = effects.results(Shown(history, none, other))
    assert rows[3][1:] == ("\N{EN DASH} to \N{MINUS SIGN}0.40 bps", "bad")
    assert note == "Figures: last to first in the queue. The chart shows the last."


# -- the verdict -------------------------------------------------------------------------------


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("execution", DONE, ids=str)
def test_the_verdict_is_of_what_the_engine_makes(history, execution, queue):
    """A trade that is judged is what `entries` makes who decides at that state alone."""
    p = posted(**execution)
    signal = obi.imbalance(history, p)
    x = np.where(np.abs(signal) > p.threshold, np.sign(signal), 0).astype(np.int8)
    found = entry_returns(history, p, x, [1.0, 3.0], queue)
    assert np.isnan(found.gross_bps[:, x == 0]).all()
    rows = np.flatnonzero(x)[::13]
    filled = 0
    for row in rows.tolist():
        alone = np.full(len(history), np.nan)
        alone[row] = signal[row]
        made = scan(history, decisions(history, alone, p), p, 0, None, queue)
        if not (made.exit_time > 0).any():
            assert np.isnan(found.gross_bps[1, row])
            continue
        filled += 1
        np.testing.assert_array_equal(found.gross_bps[1, row], made.gross_bps[0])
        np.testing.assert_array_equal(found.fees_bps[1, row], made.fees_bps[0])
    assert filled


def test_compiled_the_same_as_plain(history, monkeypatch):
    tape, p = history[:1500], posted(latency_ms=120.0)
    x = np.sign(obi.imbalance(tape, p)).astype(np.int8)
    x[::3] = 0
    found = {}
    for code in ("numba", "numpy"):
        use(monkeypatch, code)
        found[code] = entry_returns(tape, p, x, [1.0, 5.0], "back")
    for name in ("gross_bps", "fees_bps", "ends"):
        np.testing.assert_array_equal(*(getattr(found[code], name) for code in found))


def test_the_worse_bound_is_judged_and_both_are_told(history):
    p = posted(wait_seconds=5.0)
    report = obi.calibrate(history, p, horizons=[1, 2, 5, 10])
    back, front = report.bounds
    table = report.as_traded
    for name, bound in zip(QUEUES, report.bounds, strict=True):
        np.testing.assert_array_equal(table[f"{name}_bps"], bound.net_bps)
        np.testing.assert_array_equal(table[f"{name}_n"], bound.n)
    assert (back.n < front.n).all()
    sure = (back.ci_high < 0) & (front.ci_high < 0)
    np.testing.assert_array_equal(
        report.traded.net_bps[sure], np.fmin(back.net_bps, front.net_bps)[sure]
    )
    np.testing.assert_array_equal(report.traded.z[~sure], np.fmin(back.z, front.z)[~sure])
    assert sure.any()
    assert "the worse one is judged" in report.notes[-1]
    assert "back_bps" in report._repr_html_()
    assert obi.calibrate(history, Parameters(), horizons=[1, 2]).bounds == ()


def test_a_bound_of_which_nothing_is_known_hides_no_loss_and_lends_no_gain(history):
    p = posted()
    signal = obi.imbalance(history, p)
    x = np.where(np.abs(signal) > p.threshold, np.sign(signal), 0).astype(np.int8)
    some = traded(history, p, x, [2.0, 5.0], queue="front")
    nothing = traded(history, p, np.zeros_like(x), [2.0, 5.0])
    assert (some.z < 0).all()
    np.testing.assert_array_equal(worse(nothing, some).net_bps, some.net_bps)
    gain = traded(history, p.replace(fee_bps=-50, maker_fee_bps=-50), x, [2.0, 5.0], queue="front")
    assert (gain.z > 0).all()
    assert np.isnan(worse(nothing, gain).net_bps).all()


def test_without_trades_there_is_no_verdict(history):
    books = obi.History.from_arrays(
        history.time[:500], history.prices(1)[:500], history.sizes(1)[:500],
        history.prices(-1)[:500], history.sizes(-1)[:500],
    )  # fmt: skip
    with pytest.raises(ValueError, match="the source has none"):
        obi.calibrate(books, posted())


# -- the sweep ---------------------------------------------------------------------------------

AXES = {"decay": [0.1, 0.3], "threshold": [0.3, 0.6], "hold_seconds": [1.0, 5.0]}


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("execution", DONE, ids=str)
def test_a_sweep_has_the_entries_of_each_setting(history, execution, queue):
    chosen = obi.Settings(execution="post_only", **execution)
    surface = obi.sweep(history, settings=chosen, queue=queue, **AXES)
    for at in np.ndindex(surface.entries.shape):
        frame = obi.entries(history, surface.settings(at), queue=queue)
        closed = frame[frame["ended"] == "held"]
        assert surface.entries[at] == len(closed)
        assert surface.missed[at] == (frame["ended"] == "unfilled").sum()
        if len(closed):
            assert surface.mean_net_bps[at] == pytest.approx(closed["net_bps"].mean())
        if len(closed) > 1:
            assert surface.se_bps[at] == pytest.approx(closed["net_bps"].sem())
            assert surface.gross_se_bps[at] == pytest.approx(closed["gross_bps"].sem())
    assert surface.entries.sum() > 0


def test_the_error_of_a_net_mean_has_the_varying_fees_in_it(history):
    """An exit by a taker costs more and mostly gains less, so the net gains differ more."""
    chosen = obi.Settings(
        execution="post_only", wait_seconds=1.0, maker_fee_bps=-2.0, fee_bps=8.0, threshold=0.3
    )
    surface = obi.sweep(history, settings=chosen, queue="front", hold_seconds=[1.0])
    frame = obi.entries(history, surface.settings((0, 0, 0, 0)), queue="front")
    closed = frame[frame["ended"] == "held"]
    fees = closed["gross_bps"] - closed["net_bps"]
    assert len(closed) > 50
    assert fees.std() > 3
    error = closed["net_bps"].sem()
    assert surface.se_bps.item() == pytest.approx(error)
    assert error > 1.2 * surface.gross_se_bps.item()
    p = 2 * norm.sf(abs(closed["net_bps"].mean() / error))
    assert surface.net_p_adjusted.item() == pytest.approx(p, rel=1e-3, abs=1e-12)


def test_a_sweep_chooses_by_the_worse_bound(history):
    chosen = obi.Settings(execution="post_only")
    back, front, worse_one = (
        obi.sweep(history, settings=chosen, queue=queue, **AXES)
        for queue in (*QUEUES, "worse")
    )  # fmt: skip
    np.testing.assert_array_equal(
        worse_one.mean_net_bps, np.fmin(back.mean_net_bps, front.mean_net_bps)
    )
    by_default = obi.sweep(history, settings=chosen, **AXES)
    np.testing.assert_array_equal(by_default.parts, worse_one.parts)


def test_of_several_histories_the_worse_bound_is_that_over_all_of_them():
    simulated = obi.simulate(seconds=240, seed=2, levels=10)
    parts = [simulated[first : first + 600] for first in range(0, 2400, 600)]
    chosen = obi.Settings(execution="post_only", wait_seconds=5.0)
    axes = {"decay": [0.1], "threshold": [0.1, 0.3, 0.6], "hold_seconds": [1.0, 5.0]}
    back, front, judged = (
        obi.sweep(parts, settings=chosen, queue=queue, **axes)
        for queue in (*QUEUES, "worse")
    )  # fmt: skip
    is_front = front.mean_net_bps < back.mean_net_bps
    assert is_front.any()
    assert not is_front.all()
    wanted = np.where(is_front[..., None, None], front.parts, back.parts)
    np.testing.assert_array_equal(judged.parts, wanted)
    # In each history another bound may be the worse one, and what it came to is no bound at all.
    one_by_one = sum(obi.sweep(part, settings=chosen, **axes).parts for part in parts)
    mixed = Surface(judged.axes, judged.parameters, one_by_one).mean_net_bps
    assert (mixed < judged.mean_net_bps - 0.1).any()


def test_a_walk_of_several_histories_is_that_of_the_joined_one(history):
    parts = [history[: len(history) // 2], history[len(history) // 2 :]]
    asked = {"settings": obi.Settings(execution="post_only"), "folds": 3, **AXES}
    joined = obi.walk_forward(obi.History.concat(parts), **asked)
    pd.testing.assert_frame_equal(obi.walk_forward(parts, **asked), joined, check_exact=False)


def test_execution_is_an_axis(history):
    surface = obi.sweep(history, execution=["taker", "post_only"], wait_seconds=[1.0, 10.0])
    net = surface.mean_net_bps.reshape(2, 2)
    assert net[0, 0] == net[0, 1] == pytest.approx(obi.sweep(history).mean_net_bps.item())
    assert net[1, 0] != net[1, 1]


def test_another_bound_is_refused(history):
    with pytest.raises(ValueError, match="queue = 'middle' is not possible"):
        obi.sweep(history, queue="middle")
