"""Exits before the hold is over: by the signal, by a stop or a target."""

import math

import numpy as np
import pytest
from entries_reference import TAPES
from history_tools import NAN, SECOND, START, early
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_tools import use

import obi_widgets as obi
from obi_widgets.calibration.as_traded import traded
from obi_widgets.calibration.executed_returns import entry_returns
from obi_widgets.errors import SettingsError
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.exits import DECELERATION, FADE, FLIP, HOLD, NONE, STOP, TARGET, WORDS
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.trade_list import COLUMNS


def tape(values, bids=None):
    """Return a history of a state a second, whose imbalance has these values; None is a gap.

    The best bid is given, the best ask is 0.1 above it.
    """
    lost = np.array([value is None for value in values])
    value = np.array([0.0 if value is None else value for value in values])
    bid = np.full(len(value), 100.0) if bids is None else np.array(bids)
    best = [np.where(lost, NAN, one) for one in (bid, 1 + value, bid + 0.1, 1 - value)]
    return early(SECOND * np.arange(1, len(value) + 1), *best, tick_size=0.1)


def left(values, bids=None, **rules):
    """Return side, entry, exit (seconds; 0 for none) and ending of each entry."""
    given = {"threshold": 0.5, "hold_seconds": 6, "depth": 1, "entry_rule": "crossing", **rules}
    found = obi.entries(tape(values, bids), obi.Settings(**given))
    seconds = [
        [0 if time is None or time != time else time.second for time in found[name]]
        for name in ("entry_time", "exit_time")
    ]
    return list(zip(found["side"].tolist(), *seconds, found["ended"].tolist(), strict=True))


TEN = [0.0, 0.8, 0.6, 0.3, 0.1, -0.2, -0.7, 0.0, 0.6, 0.7]
"""Ten states around a threshold of 0.5: it comes beyond at 2 s (long), 7 s (short), 9 s (long)."""


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ({}, [(1, 2, 8, "held"), (1, 9, 0, "open")]),
        # Below half of 0.5: at 5 s. The short one of 7 s fades at 8 s.
        ({"exit_fade": 0.5}, [(1, 2, 5, "fade"), (-1, 7, 8, "fade"), (1, 9, 0, "open")]),
        # Below 0, on the other side, but not beyond it: at 6 s.
        ({"exit_fade": 0.0}, [(1, 2, 6, "fade"), (-1, 7, 9, "fade"), (1, 9, 0, "open")]),
        # Short from 7 s on; its own flip is at 9 s.
        ({"exit_flip": "on"}, [(1, 2, 7, "flip"), (-1, 7, 9, "flip"), (1, 9, 0, "open")]),
        # By more than 0.8 · 0.5 within 2 s: from 0.8 at 2 s to 0.3 at 4 s; from −0.7 at 7 s to 0 at
        # 8 s it is the value at 6 s, −0.2, that counts, and 0.6 at 9 s is less by 1.3 for a short.
        (
            {"exit_deceleration": 0.8, "deceleration_seconds": 2},
            [(1, 2, 4, "deceleration"), (-1, 7, 9, "deceleration"), (1, 9, 0, "open")],
        ),
        # Flip is told before fade.
        ({"exit_fade": 0.1, "exit_flip": "on", "hold_seconds": 60},
         [(1, 2, 6, "fade"), (-1, 7, 8, "fade"), (1, 9, 0, "open")]),
    ],
)  # fmt: skip
def test_exits_by_the_signal_by_hand(rules, wanted):
    assert left(TEN, **rules) == wanted


BIDS = [100.0, 100.0, 100.0, 100.2, 100.4, 100.3, 99.7, 99.9, 100.0, 100.0]
"""The first entry pays 100.1 at 2 s; the short of 7 s gets 99.7."""


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        # 100.1 · (1 − 9.9e-4) = 100.0009: the bid of 3 s is below it.
        ({"stop_bps": 9.9}, [(1, 2, 3, "stop"), (-1, 7, 8, "stop"), (1, 9, 10, "stop")]),
        # 100.1 · (1 − 30e-4) = 99.7997: left at 7 s, where the short begins, which is stopped by
        # the ask of 100.0 at 8 s: 99.7 · (1 + 30e-4) = 99.9991.
        ({"stop_bps": 30}, [(1, 2, 7, "stop"), (-1, 7, 8, "stop"), (1, 9, 0, "open")]),
        # 100.1 · (1 + 20e-4) = 100.3002: the bid of 5 s is 100.4.
        ({"target_bps": 20}, [(1, 2, 5, "target"), (-1, 7, 0, "open")]),
        # By mid the entry pays 100.05, and the mid of 4 s is 100.25: 19.99 bps.
        ({"target_bps": 19.9, "price": "mid"}, [(1, 2, 4, "target"), (-1, 7, 0, "open")]),
    ],
)
def test_exits_by_the_price_by_hand(rules, wanted):
    assert left(TEN, BIDS, **rules) == wanted


def test_a_price_on_the_bound_is_on_it():
    # Bought at 100; the bid comes to 100.1 · …: exactly 10 bps above, and below.
    values, target = [0.0, 0.8, 0.0, 0.0], {"target_bps": 10, "hold_seconds": 60}
    assert left(values, [99.9, 99.9, 100.0, 100.1], **target) == [(1, 2, 4, "target")]
    stop = {"stop_bps": 20, "hold_seconds": 60}
    assert left(values, [99.9, 99.9, 99.9, 99.8], **stop) == [(1, 2, 4, "stop")]


def test_no_entry_begins_where_the_signal_falls_already():
    # From −0.9 to −0.6 within a second: a short would be left at once.
    rules = {"entry_rule": "beyond", "exit_deceleration": 0.5, "deceleration_seconds": 1}
    assert left([-0.9, -0.6, -0.6], **rules) == [(-1, 1, 2, "deceleration"), (-1, 3, 0, "open")]


def test_what_a_deceleration_needs_is_not_across_a_gap():
    rules = {"entry_rule": "beyond", "exit_deceleration": 0.1, "deceleration_seconds": 2}
    assert left([0.9, None, 0.8, 0.7, 0.6], **rules) == [
        (1, 1, 0, "gap"), (1, 3, 5, "deceleration"),
    ]  # fmt: skip


def test_an_exit_waits_for_both_sides_and_its_order_for_its_latency():
    history = tape([0.0, 0.8, 0.0, 0.0, 0.0, 0.0])
    ask = history.ask.copy()
    ask[2] = NAN
    one_sided = early(
        SECOND * np.arange(1, 7), history.bid, 1 + np.array([0.0, 0.8, 0, 0, 0, 0]), ask,
        np.where(np.isnan(ask), NAN, 1 - np.array([0.0, 0.8, 0, 0, 0, 0])), tick_size=0.1,
    )  # fmt: skip
    chosen = obi.Settings(threshold=0.5, hold_seconds=60, depth=1, exit_fade=0.5)
    assert [t.second for t in obi.entries(one_sided, chosen)["exit_time"]] == [4]
    chosen.latency_ms = 1_000
    found = obi.entries(one_sided, chosen)
    # Decided at 2 s, entered at the next state, 3 s, whose ask is missing: not filled.
    assert found["ended"].tolist() == ["unfilled"]
    found = obi.entries(history, chosen)
    assert [t.second for t in found["entry_time"]] == [3]
    assert [t.second for t in found["exit_time"]] == [5]
    assert found["ended"].tolist() == ["fade"]


def reference(time, bid, ask, signal, p):
    """Return entry row, exit row (−1) and ending of each entry, filled at once, by a plain loop."""
    made, position = [], None
    for row, (now, b, a) in enumerate(zip(time, bid, ask, strict=True)):
        if math.isnan(b) and math.isnan(a):
            if position is not None:
                made.append((*position[:2], -1, "gap"))
            position = None
            continue
        whole = b < a
        reasons = {side: by_signal(time, bid, ask, signal, row, side, p) for side in (1, -1)}
        if position is not None and whole:
            side, entered, paid = position
            got = (a + b) / 2 if p.price == "mid" else b if side > 0 else a
            gain = side * (got / paid - 1) * 1e4
            why = reasons[side]
            if p.target_bps is not None and gain >= p.target_bps - 1e-6:
                why = "target"
            if p.stop_bps is not None and gain <= -p.stop_bps + 1e-6:
                why = "stop"
            if not why and now - time[entered] >= round(p.hold_seconds * 1e9):
                why = "held"
            if why:
                made.append((side, entered, row, why))
                position = None
        value = signal[row]
        if position is None and whole and abs(value) > p.threshold:
            side = 1 if value > 0 else -1
            if not reasons[side]:
                paid = (a + b) / 2 if p.price == "mid" else a if side > 0 else b
                position = side, row, paid
    if position is not None:
        made.append((*position[:2], -1, "open"))
    return made


def by_signal(time, bid, ask, signal, row, side, p):
    """Return why the signal ends a position; empty if it does not."""
    now = side * signal[row]
    if p.exit_flip == "on" and now < -p.threshold:
        return "flip"
    if p.exit_fade is not None and now < p.exit_fade * p.threshold:
        return "fade"
    if p.exit_deceleration is None:
        return ""
    past = row
    while past >= 0 and time[past] > time[row] - round(p.deceleration_seconds * 1e9):
        past -= 1
    lost = [math.isnan(bid[n]) and math.isnan(ask[n]) for n in range(max(past, 0), row + 1)]
    if past < 0 or any(lost):
        return ""
    return "deceleration" if side * signal[past] - now > p.exit_deceleration * p.threshold else ""


RULES = st.fixed_dictionaries({
    "threshold": st.sampled_from([0.2, 0.5]),
    "hold_seconds": st.sampled_from([0.1, 0.5, 5.0]),
    "price": st.sampled_from(["touch", "mid"]),
    "exit_fade": st.sampled_from([None, 0.0, 0.5, 1.0]),
    "exit_flip": st.sampled_from(["off", "on"]),
    "exit_deceleration": st.sampled_from([None, 0.5, 2.0]),
    "deceleration_seconds": st.sampled_from([0.1, 0.35]),
    "stop_bps": st.sampled_from([None, 10.0, 60.0]),
    "target_bps": st.sampled_from([None, 10.0, 60.0]),
})  # fmt: skip


def same(one, other):
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.held == other.held


@settings(max_examples=150)
@given(history=TAPES, rules=RULES, step=st.integers(1, 9), rule=st.booleans())
def test_random_tapes(history, rules, step, rule):
    p = obi.Parameters(**rules)
    signal = obi.imbalance(history, p)
    made = scan(history, decisions(history, signal, p), p, 0, None)
    wanted = reference(
        *(c.tolist() for c in (history.time, history.bid, history.ask, signal)), p
    )  # fmt: skip
    rows = [(side, int(history.time[n]), ended) for side, n, _, ended in wanted]
    frame = made.to_frame()
    assert made.side.tolist() == [one[0] for one in rows]
    assert made.entry_time.tolist() == [one[1] for one in rows]
    assert frame["ended"].tolist() == [one[2] for one in rows]
    told = [int(history.time[n]) if n >= 0 else 0 for _, _, n, _ in wanted]
    assert made.exit_time.tolist() == told
    chosen = p.replace(latency_ms=120.0) if rule else p
    scanner = Scanner(chosen)
    for until in (*range(0, len(history), step), len(history)):
        scanner.extend(history[:until], signal[:until])
    whole = scan(history, decisions(history, signal, chosen), chosen, 0, None)
    same(scanner.decided, whole)


@pytest.fixture(scope="module")
def market():
    return obi.simulate("sim:BTC-PERP", seconds=300, seed=3)


EVERY = {
    "exit_fade": 0.2, "exit_flip": "on", "exit_deceleration": 1.2, "deceleration_seconds": 1,
    "stop_bps": 2, "target_bps": 3,
}  # fmt: skip
EXECUTIONS = (
    {}, {"latency_ms": 120.0}, {"size": 0.5, "slippage_bps": 5.0},
    {"execution": "post_only"}, {"execution": "post_only", "latency_ms": 120.0},
)  # fmt: skip


@pytest.mark.parametrize("execution", EXECUTIONS, ids=str)
def test_compiled_plain_and_appended_are_the_same(market, execution, monkeypatch):
    p = obi.Parameters(threshold=0.3, hold_seconds=8, **EVERY, **execution)
    signal = obi.imbalance(market, p)
    found = decisions(market, signal, p)
    for queue in QUEUES if p.execution == "post_only" else QUEUES[:1]:
        with monkeypatch.context() as patch:
            use(patch, "numpy")
            plain = scan(market, found, p, 0, None, queue)
        with monkeypatch.context() as patch:
            use(patch, "numba")
            whole = scan(market, found, p, 0, None, queue)
        same(plain, whole)
        assert len(set(whole.to_frame()["ended"])) >= 4, "several ways to leave"
        scanner = Scanner(p, queue)
        for until in (*range(400, len(market), 131), len(market)):
            scanner.extend(market[:until], signal[:until])
        same(scanner.decided, whole)
        # Nothing later is looked at.
        known = market[:1500]
        part = scan(known, decisions(known, signal[:1500], p), p, 0, None, queue)
        count = len(part.side) - part.is_open
        np.testing.assert_array_equal(part.exit_time[:count], whole.exit_time[:count])
        np.testing.assert_array_equal(part.reason[:count], whole.reason[:count])


@pytest.mark.parametrize("execution", EXECUTIONS[:4], ids=str)
def test_sweep_and_verdict_are_of_the_same_exits(market, execution):
    chosen = obi.Settings(threshold=0.3, hold_seconds=8, **EVERY, **execution)
    p = chosen.parameters
    made = scan(market, decisions(market, obi.imbalance(market, p), p), p, 0, None)
    surface = obi.sweep(market, settings=chosen, threshold=[0.3], hold_seconds=[8], queue="back")
    closed = made.exit_time > 0
    assert surface.entries.ravel()[0] == np.count_nonzero(closed) > 10
    assert surface.mean_net_bps.ravel()[0] == pytest.approx(made.net_bps[closed].mean())
    # Each entry by itself has the result that it has where it is the only one.
    signal = obi.imbalance(market, p)
    found = decisions(market, signal, p)
    x = np.where(np.abs(found.entries) > 0.3, np.sign(signal), 0).astype(np.int8)
    each = entry_returns(market, p, x, [1.0, 8.0], "back", found.exits)
    compared = 0
    for row in np.flatnonzero(x)[::41].tolist():
        alone = np.full(len(market), NAN)
        alone[row] = signal[row]
        only = scan(market, found._replace(entries=alone), p, 0, None)
        if len(only.side) and only.exit_time[0]:
            assert each.gross_bps[1, row] == pytest.approx(only.gross_bps[0], abs=1e-9)
            assert market.time[each.ends[1, row]] == only.exit_time[0]
            compared += 1
        else:
            assert np.isnan(each.gross_bps[1, row])
    assert compared > 5
    report = obi.calibrate(market, chosen, horizons=[8.0])
    worst = np.nanmean(each.gross_bps[1])
    if p.execution == "taker":
        assert report.traded.gross_bps[0] == pytest.approx(worst)
    assert any("left before a horizon" in note for note in report.notes)


def random_walk(seed, states=3_600, half_life=10.0):
    """A walk of mid by ticks, a state a second, and a book that leans for some seconds: no edge."""
    random, keep = np.random.default_rng(seed), 0.5 ** (1 / half_life)
    lean = np.zeros(states)
    for row, shock in enumerate(random.normal(size=states - 1)):
        lean[row + 1] = keep * lean[row] + np.sqrt(1 - keep * keep) * shock
    bid = 10_000 + 0.1 * np.cumsum(random.choice([-1, 0, 1], states, p=[0.25, 0.5, 0.25]))
    share = np.tanh(lean / 1.5)
    time = START + SECOND * np.arange(states)
    return obi.History.from_arrays(time, bid, 1 + share, bid + 0.1, 1 - share, tick_size=0.1)


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say_whatever_the_exits():
    """Without an edge a trade loses spread and fees, whenever it is left: 0.1 + 0.02 bps.

    Its gain accrues until then. If it accrued over the whole horizon, the intervals of the longest
    one would be two or three times as wide, and would hold the truth in all of these markets.
    """
    horizons, seeds = [5.0, 30.0, 120.0, 300.0], 120
    for exits in ({"stop_bps": 0.35, "exit_flip": "on"}, {"exit_fade": 0.0}):
        p = obi.Parameters(depth=1, decay=0.0, threshold=0.5, fee_bps=0.01, **exits)
        held, widths, means = np.zeros((3, seeds, len(horizons)))
        for seed in range(seeds):
            tape = random_walk(seed)
            found = decisions(tape, obi.imbalance(tape, p), p)
            x = np.where(np.abs(found.entries) > 0.5, np.sign(found.entries), 0).astype(np.int8)
            gains = traded(tape, p, x, horizons, exits=found.exits)
            held[seed] = (gains.ci_low <= -0.12) & (gains.ci_high >= -0.12)
            widths[seed], means[seed] = gains.ci_high - gains.ci_low, gains.net_bps
        assert (held.mean(axis=0) > 0.89).all()
        ratio = widths.mean(axis=0) / (2 * 1.96 * means.std(axis=0))
        assert (ratio > 0.9).all()
        assert (ratio < 1.35).all()


def test_sweeps_over_exits_are_single_runs(market):
    surface = obi.sweep(
        market, settings=obi.Settings(hold_seconds=8), threshold=[0.3, 0.5], stop_bps=[None, 2],
        exit_flip=["off", "on"],
    )  # fmt: skip
    for n, stop in enumerate((None, 2)):
        for m, flip in enumerate(("off", "on")):
            one = obi.Settings(threshold=0.5, hold_seconds=8, stop_bps=stop, exit_flip=flip)
            closed = obi.entries(market, one)["exit_time"].notna().sum()
            index = {"stop_bps": n, "exit_flip": m, "threshold": 1}
            where = tuple(index.get(name, 0) for name in surface.axes)
            assert surface.entries[where] == closed > 0


QUANTILE = {"threshold": 0.8, "threshold_is": "quantile", "quantile_window": 30}


@pytest.mark.parametrize(
    "given",
    [
        *EXECUTIONS[:4], QUANTILE, {"entry_rule": "crossing"}, {"price": "mid"},
        {"signal": "zscore(imbalance)", "window": 20, "threshold": 1.0, "entry_rule": "transition"},
    ],
    ids=str,
)  # fmt: skip
def test_the_strategy_leaves_alike(market, given, tmp_path):
    chosen = obi.Settings(**{"threshold": 0.3, "hold_seconds": 8, **EVERY, **given})
    # A file is written only if it enters and leaves the same, by both bounds of the queue.
    path = obi.export_strategy(tmp_path / "strategy.py", chosen, market)
    assert "class EarlyExits" in path.read_text()
    assert len(set(obi.entries(market, chosen)["ended"])) >= 3


def test_by_default_there_are_none(market, tmp_path):
    p = obi.Parameters()
    assert decisions(market, obi.imbalance(market, p), p).exits is NONE
    settings = obi.Settings(**EVERY)
    loaded = obi.Settings.load(settings.save(tmp_path / "a.toml"))
    assert loaded == settings
    assert "stop" not in obi.Settings().save(tmp_path / "b.toml").read_text()
    assert obi.Parameters(deceleration_seconds=3) == p
    assert (WORDS[HOLD], WORDS[FADE], WORDS[FLIP]) == ("held", "fade", "flip")
    assert (WORDS[DECELERATION], WORDS[STOP], WORDS[TARGET]) == ("deceleration", "stop", "target")


def test_what_is_refused(market):
    with pytest.raises(SettingsError, match="book states alone"):
        obi.fills(market, obi.Settings(exit_flip="on"), obi.Maker())
    with pytest.raises(SettingsError, match=r"0\.01 to 10000 bps, or None for no stop"):
        obi.Settings(stop_bps=0)
