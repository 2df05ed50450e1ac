"""At most so many entries within an hour: by hand, on random tapes, and everywhere alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from history_tools import SECOND, early
from hypothesis import given, settings
from kernel_tools import EITHER, use
from post_only_tools import tapes

import obi_widgets as obi
from obi_widgets.calibration.calibrate import CAPPED
from obi_widgets.errors import SettingsError
from obi_widgets.history.context import Context
from obi_widgets.history.depth import Depth
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.cap_effect import NOT_REACHED, cap_effect
from obi_widgets.trading.decisions import Decisions, decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.exits import NONE
from obi_widgets.trading.hourly_cap import HOUR, NEVER, NO_CAP, entered, newest, open_from
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.trade_list import COLUMNS

KINDS = [
    {"hold_seconds": 300}, {"hold_seconds": 1200, "price": "mid"},
    {"hold_seconds": 900, "latency_ms": 10_000, "slippage_bps": 0.0},
    {"hold_seconds": 1200, "size": 2.0, "size_by": "strength", "exit_flip": "on"},
    {"hold_seconds": 600, "execution": "post_only", "wait_seconds": 1200, "size": 2.0},
]  # fmt: skip


@pytest.fixture(scope="module")
def market():
    """Two hours and a half, a state every 3 seconds, from a venue that sends trades."""
    found = slow(obi.simulate(seconds=300, levels=10, seed=3), 30)
    return replace(found, interval=3.0, context=Context.none(), depth=Depth.none())


def slow(tape, factor=6_000):
    """Return a tape whose clock goes slower, so that it takes hours: 0.1 s become 10 minutes."""
    begin = tape.time[0]
    time, received = (begin + (one - begin) * factor for one in (tape.time, tape.received))
    stamps = tape.trades.stamps.copy()
    stamps[:2] = begin + (stamps[:2] - begin) * factor  # the last are ids
    trades = replace(tape.trades, stamps=stamps)
    return replace(tape, time=time, received=received, trades=trades)


def counted(trades):
    """Return the times of entries that count: those that were filled or may have been."""
    return trades.entry_time[~trades.missed]


def assert_same(one, other):
    for name in (*COLUMNS, "recent"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    assert (one.held is None) == (other.held is None)
    assert one.held is None or one.held[:3] == other.held[:3]


# -- by hand -----------------------------------------------------------------------------------


def test_the_next_entry_comes_an_hour_after_the_oldest_of_the_newest():
    minutes = np.array([0, 20, 40, 59, 60, 61, 80, 81, 100, 120, 121])
    one = np.ones((len(minutes), 1))
    history = early(minutes * 60 * SECOND, 99 * one, one, 100 * one, one, tick_size=1.0)
    decided = Decisions(one[:, 0], one[:, 0], NONE)
    p = Parameters(hold_seconds=60, most_per_hour=2)
    made = scan(history, decided, p, 0, None)
    assert ((made.entry_time - 0) / (60 * SECOND)).tolist() == [0, 20, 60, 80, 120]
    assert (made.recent / (60 * SECOND)).tolist() == [80, 120]
    free = scan(history, decided, p.replace(most_per_hour=None), 0, None)
    assert len(free.side) == 11
    assert len(free.recent) == 0


def test_the_times_of_the_newest_entries():
    p = Parameters(most_per_hour=2)
    recent = newest(p, NO_CAP)
    assert recent.tolist() == [NEVER, NEVER]
    assert open_from(recent) < 0
    assert entered(recent, 5) < 0
    assert entered(recent, 7) == 5 + HOUR == open_from(recent)
    kept = newest(p, recent)
    assert kept.tolist() == [5, 7]
    assert not np.shares_memory(kept, recent)
    assert newest(Parameters(), NO_CAP).tolist() == []
    assert entered(newest(Parameters(), NO_CAP), 5) == NEVER


def test_it_is_a_whole_number_within_bounds(tmp_path):
    chosen = obi.Settings(most_per_hour=6.0)
    assert chosen.most_per_hour == 6
    assert type(chosen.most_per_hour) is int
    assert obi.Settings.load(chosen.save(tmp_path / "a.toml")) == chosen
    assert "most_per_hour" not in obi.Settings().parameters.as_table()
    for value in (0, 2.5, 1001, "6", True):
        with pytest.raises(SettingsError) as raised:
            obi.Settings(most_per_hour=value)
        assert str(raised.value).endswith(
            "Give a whole number from 1 to 1000 an hour, or None for no cap."
        )


# -- on random tapes ---------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    tape=tapes().map(slow), kind=st.sampled_from(KINDS), most=st.integers(1, 4),
    queue=st.sampled_from(QUEUES), code=EITHER, cuts=st.lists(st.integers(1, 40), max_size=6),
)  # fmt: skip
def test_it_decides_as_without_a_cap_where_there_is_room(tape, kind, most, queue, code, cuts):
    free = Parameters(depth=1, decay=0.0, threshold=0.0, **kind)
    p = free.replace(most_per_hour=most)
    signal = obi.imbalance(tape, p)
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        decided = decisions(tape, signal, p)
        made = scan(tape, decided, p, 0, None, queue)
        times = counted(made)
        room = [np.sum((times > at - HOUR) & (times < at)) < most for at in tape.time.tolist()]
        masked = decided._replace(entries=np.where(room, decided.entries, np.nan))
        wanted = scan(tape, masked, free, 0, None, queue)
        assert_same(made, replace(wanted, recent=made.recent))
        assert made.recent.tolist() == [*[NEVER] * most, *times.tolist()][-most:]
        for at in times.tolist():  # no hour holds more, wherever it begins
            assert np.sum((times > at - HOUR) & (times <= at)) <= most
        part = Scanner(p, queue)
        for cut in [*sorted(cuts), len(tape)]:
            part.extend(tape[:cut], signal[:cut])
        recent = newest(p, part.decided.recent)  # none before the first entry
        assert_same(replace(part.decided, recent=recent), made)
        assert part.decided.held == made.held


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_both_twins_decide_alike_on_a_market(market, given):
    p = Parameters(**{"threshold": 0.2, "most_per_hour": 3, **given, "hold_seconds": 60})
    decided = decisions(market, p.signal(market, p), p)
    found = []
    for code in ("numba", "numpy"):
        with pytest.MonkeyPatch.context() as patch:
            use(patch, code)
            found.append(scan(market, decided, p, 0, None))
    assert_same(*found)
    assert len(counted(found[0])) >= 6  # three in each of two hours
    assert len(scan(market, decided, p.replace(most_per_hour=None), 0, None).side) > 12


@pytest.mark.parametrize("given", KINDS, ids=str)
def test_a_cap_that_is_never_reached_changes_nothing(market, given):
    p = Parameters(**{"threshold": 0.4, **given, "hold_seconds": 60})
    capped = obi.entries(market, p.replace(most_per_hour=1_000))
    assert len(capped) > 12
    assert capped.equals(obi.entries(market, p))


# -- everywhere --------------------------------------------------------------------------------


def test_an_order_that_is_not_filled_does_not_count(market):
    p = Parameters(threshold=0.2, execution="post_only", hold_seconds=60, most_per_hour=4)
    found = obi.entries(market, p)
    missed = found["ended"] == "unfilled"
    assert missed.any()
    times = found.loc[~missed, "entry_time"]
    within = [((times > at - timedelta(hours=1)) & (times <= at)).sum() for at in times]
    assert max(within) == 4
    assert len(found) > len(times)


def test_sweep_walk_forward_and_gates_count_the_same_entries(market):
    chosen = obi.Settings(threshold=0.3, hold_seconds=60, most_per_hour=5)
    wanted = {most: obi.entries(market, chosen.parameters.replace(most_per_hour=most))
              for most in (2, 5, None)}  # fmt: skip
    surface = obi.sweep(market, settings=chosen, threshold=[0.3], most_per_hour=[2, 5, None])
    by_cap = surface.entries.reshape(3).tolist()
    assert by_cap == [one["net_bps"].notna().sum() for one in wanted.values()]
    assert by_cap[0] < by_cap[1] < by_cap[2]
    # Each part begins without an entry, as it begins without a position.
    table = obi.walk_forward(market, folds=1, settings=chosen, most_per_hour=[5])
    assert "most_per_hour" in table.columns
    gated = chosen.parameters.replace(gates={"spread": {"quantile": 0.9}})
    report = obi.gate_report(market, gated)
    assert report.loc["spread", "entries_off"] == len(wanted[5])


def test_the_verdict_takes_each_trade_on_its_own_and_says_so(market):
    chosen = Parameters(threshold=0.3, hold_seconds=60)
    free = obi.calibrate(market, chosen, horizons=(60,))
    capped = obi.calibrate(market, chosen.replace(most_per_hour=2), horizons=(60,))
    pd.testing.assert_frame_equal(free.as_traded, capped.as_traded)
    assert CAPPED in capped.notes
    assert CAPPED not in free.notes


def test_a_sealed_test_goes_on_after_a_restart(market, tmp_path):
    chosen = obi.Settings(threshold=0.3, hold_seconds=20, most_per_hour=3)
    after = int(market.time[10])
    whole = obi.sealed_test(market, chosen, after=after)
    part = obi.sealed_test(market[:1_500], chosen, after=after)
    again = obi.SealedTest.load(part.save(tmp_path / "a.json"))
    assert again.records[0].recent.tolist() == part.records[0].recent.tolist()
    assert (again.records[0].recent > 0).all()
    again.update(market)
    assert again.trades == whole.trades
    times = np.array([one.entry_time for one in whole.trades])
    assert max(np.sum((times > at - HOUR) & (times <= at)) for at in times) == 3


def test_an_order_that_was_lost_on_its_way_counts(market):
    chosen = obi.Settings(threshold=0.3, hold_seconds=20, most_per_hour=2, latency_ms=9_000)
    test = obi.sealed_test(market[:20], chosen, after=int(market.time[0]))
    record = test.records[0]
    for end in range(20, 400):
        test.update(market[:end])
        if record.held is not None and not record.held.time:
            break
    decided = record.held.decision_time
    record.drop_held()
    assert record.recent[-1] == decided
    assert record.lost == 1


def test_book_states_alone_have_no_cap(market):
    with pytest.raises(SettingsError, match="no cap on entries"):
        obi.fills(market, obi.Settings(most_per_hour=3), obi.Maker())


@pytest.mark.parametrize("given", [
    {}, {"latency_ms": 1500, "slippage_bps": 0.5}, {"stop_bps": 2.0, "exit_flip": "on"},
    {"execution": "post_only", "wait_seconds": 20},
    {"execution": "post_only", "size": 2.0, "size_by": "strength", "entry_rule": "crossing"},
    {"threshold_is": "quantile", "threshold": 0.8, "quantile_window": 60},
    {"gates": {"spread": {"quantile": 0.9}}},
], ids=str)  # fmt: skip
def test_the_strategy_file_has_the_cap(market, given, tmp_path):
    chosen = obi.Settings(**{"threshold": 0.3, "hold_seconds": 20, "most_per_hour": 3, **given})
    made = obi.entries(market, chosen)
    assert (made["ended"] != "unfilled").sum() >= 6
    # A file is written only if it enters and leaves as the settings do, here over two hours.
    text = obi.export_strategy(tmp_path / "s.py", chosen, market).read_text()
    assert "MOST_PER_HOUR = 3" in text
    assert "may_enter" not in text or text.count("has_room and may_enter") == 1


def test_a_strategy_that_lost_its_books_keeps_what_it_counted(market, tmp_path):
    chosen = obi.Settings(threshold=0.3, hold_seconds=20, most_per_hour=1, latency_ms=5_000)
    module: dict[str, object] = {}
    exec(obi.export_strategy(tmp_path / "s.py", chosen, market).read_text(), module)
    strategy, enters = module["Strategy"](), []
    for row in range(len(market)):
        if enters and market.time[row] - market.time[enters[0]] > 0.9 * HOUR:
            break
        part = market[row : row + 1]
        sides = [
            [*zip(part.prices(side)[0].tolist(), part.sizes(side)[0].tolist(), strict=True)]
            for side in (+1, -1)
        ]
        decision = strategy.decide(int(part.time[0]), *sides)
        if decision.enter:
            enters.append(row)
            strategy.lost()  # its order may have been filled
    assert len(enters) == 1


def test_what_a_cap_leaves_out_is_told(market):
    """Of the table, and of the lab, whether it is computed whole or state by state."""
    free = {"depth": 5, "threshold": 0.3, "hold_seconds": 300.0}
    for most in (1, 2, 1_000):
        chosen = obi.Settings(**free, most_per_hour=most)
        table, without = obi.entries(market, chosen), obi.entries(market, obi.Settings(**free))
        gone, of = len(without) - len(table), len(without)
        says = f"Reached: it leaves out {gone} of {of} entries." if gone else NOT_REACHED
        assert (table.attrs["cap"], gone > 0) == (says, most < 1_000)
        assert "cap" not in without.attrs
        whole, growing = (Analysis(chosen.parameters) for _ in range(2))
        whole.update(market, chosen.parameters)
        for end in (1, 500, 501, 502, len(market)):
            growing.update(market[:end], chosen.parameters)
        assert whole.cap == growing.cap == says
    whole.update(market, obi.Settings(**free).parameters)
    assert whole.cap == ""


def test_a_cap_that_lets_others_take_their_place_says_both_counts():
    def trades(*times):
        decided = np.array(times, np.int64)
        return SimpleNamespace(decision_time=decided, missed=np.zeros(len(times), bool))

    assert cap_effect(trades(1, 4), trades(1, 3)) == "Reached: 2 entries, and 2 without it."
    assert cap_effect(trades(1), trades(1, 3)) == "Reached: it leaves out 1 of 2 entries."
    assert cap_effect(trades(1, 3), trades(1, 3)) == NOT_REACHED
