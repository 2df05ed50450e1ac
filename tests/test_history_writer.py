"""Book states as they come, one by one: `HistoryWriter`."""

from __future__ import annotations

import pickle
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from history_tools import GRIDS, MS, SECOND, arrays, book, books, early, make, same, write, writer
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.history.columns import History
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.events import Instrument, Mark, Trade
from obi_widgets.settings.parameters import Parameters


def one(into, time, *, bid=100, ask=101, size=1.0, received=None):
    """Append a state of one level a side, prices in ticks of 0.1."""
    write(into, (([bid], [size]), ([ask], [size])), time, received)


def times(history):
    return (history.time // MS).tolist()


@settings(max_examples=60)
@given(states=books())
def test_states_that_came_one_by_one_are_those_of_the_arrays(states):
    into = writer(levels=6)
    expected, time = [], []
    for number, state in enumerate(states):
        now = SECOND + number * 100 * MS
        write(into, state, now)
        empty = not state or not (state[0][0] or state[1][0])
        if state is None and (not expected or expected[-1] is None):
            continue  # a gap after a gap, or before anything, is no state
        expected.append(None if empty else state)
        time.append(now if state is not None else time[-1] + 1)
    arrived = into.history()
    given_in = arrays(expected, 6, GRIDS[0.1])
    wanted = early(np.array(time, int), *given_in, tick_size=0.1, every_event=True)
    same(arrived, wanted)
    assert arrived.sha256() == wanted.sha256()


# -- intervals ---------------------------------------------------------------------------------


def test_an_interval_of_zero_keeps_every_state():
    into = writer(interval=0)
    for time in (1000, 1000, 1001):
        one(into, time * MS)
    assert times(into.history()) == [1000, 1000, 1001]


def test_of_an_interval_of_event_time_the_last_state_is_kept_with_its_own_time():
    into = writer(interval=0.1)
    for time, size in ((1000, 1), (1050, 2), (1099, 3), (1100, 4), (1199, 5), (1350, 6)):
        one(into, time * MS, size=size, received=5000 * MS)
    assert times(into.history()) == [1099, 1199]
    assert into.history().sizes(+1)[:, 0].tolist() == [3, 5]
    into.flush()
    assert times(into.history()) == [1099, 1199, 1350]


def test_a_state_is_not_kept_before_its_interval_is_over():
    into = writer(interval=0.1)
    one(into, 1000 * MS)
    into.tick(1099 * MS)
    assert len(into.history()) == 0
    into.tick(1100 * MS)
    assert times(into.history()) == [1000]
    into.tick(2000 * MS)
    assert len(into.history()) == 1


def test_a_state_is_kept_when_the_receive_clock_has_passed_its_interval():
    into = writer(interval=0.1)
    one(into, 1000 * MS, received=7000 * MS)
    one(into, 1001 * MS, received=7100 * MS)  # the exchange's clock stands nearly still
    assert times(into.history()) == [1000]


def test_flushing_twice_keeps_a_state_once():
    into = writer(interval=0.1)
    one(into, 1000 * MS)
    into.flush()
    into.flush()
    assert len(into.history()) == 1


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=40),
    st.sampled_from([0.05, 0.1, 1.0]),
)
def test_states_are_the_last_of_each_interval_by_either_clock(gaps, interval):
    """Against the rule, said in plain words; both clocks go on, each in its own steps."""
    event, local = np.cumsum(gaps, axis=0).T.tolist()
    width = round(interval * 1000)
    into = writer(interval=interval)
    for time, received in zip(event, local, strict=True):
        one(into, time * MS, received=received * MS)
    into.flush()
    wanted = []
    for number, time in enumerate(event):
        last = number + 1 == len(event)
        over = last or event[number + 1] // width > time // width
        if over or local[number + 1] - local[number] >= width:
            wanted.append(time)
    assert times(into.history()) == wanted


# -- time and gaps -----------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=30), st.sampled_from([0, 0.1]))
def test_event_time_never_goes_back(event, interval):
    into = writer(interval=interval)
    for received, time in enumerate(event):
        one(into, time * MS, received=received * SECOND)
    into.flush()
    history = into.history()
    assert times(history) == np.maximum.accumulate(event).tolist()
    assert history.received.tolist() == [n * SECOND for n in range(len(event))]


@pytest.mark.parametrize("interval", [0, 0.1])
def test_a_gap_is_one_row_right_after_the_newest_state(interval):
    into = writer(interval=interval)
    one(into, 1000 * MS, received=2000 * MS)
    into.gap(2500 * MS)
    into.gap(2600 * MS)
    one(into, 1600 * MS, received=2700 * MS)
    into.flush()
    history = into.history()
    assert history.time.tolist() == [1000 * MS, 1000 * MS + 1, 1600 * MS]
    assert history.received.tolist() == [2000 * MS, 2500 * MS, 2700 * MS]
    assert np.isnan(history.bid).tolist() == np.isnan(history.ask).tolist() == [False, True, False]
    assert np.isnan(history.sizes(+1)[1]).all()
    assert history.gaps == 1


def test_a_gap_before_anything_is_nothing():
    into = writer()
    into.gap(SECOND)
    assert len(into.history()) == 0


def test_a_gap_after_a_one_sided_state_is_noted():
    into = writer()
    into.append(SECOND, SECOND, book([(10.0, 1.0)], []))
    into.gap(SECOND)
    assert into.history().gaps == 1
    assert len(into.history()) == 2


# -- the grid ----------------------------------------------------------------------------------


@settings(max_examples=60)
@given(states=books(), scales=st.lists(st.sampled_from([1, 2, 5, 10, 100, 1000]), min_size=12))
def test_a_grid_that_is_not_known_is_found_and_refined(states, scales):
    """States on grids of 0.001 to 1, in any order: the old ones stay what they were."""
    states = [state for state in states if state is not None]
    into = writer(tick_size=0, levels=6)
    expected = []
    for number, (state, scale) in enumerate(zip(states, scales, strict=False)):
        finer = tuple(([n * scale for n in ticks], sizes) for ticks, sizes in state)
        write(into, finer, SECOND + number, price_of=lambda n: n / 1000)
        expected.append(finer if state[0][0] or state[1][0] else None)
    given_in = arrays(expected, 6, lambda n: n / 1000)
    time = SECOND + np.arange(len(expected))
    wanted = early(time, *given_in)
    same(into.history(), wanted)
    prices = given_in[0][np.isfinite(given_in[0])].size + given_in[2][np.isfinite(given_in[2])].size
    if prices > 1:
        grid = into.history().tick_size * 1000
        assert round(grid) == pytest.approx(grid, rel=1e-9)
    signals = [obi.imbalance(h, Parameters(decay=3)) for h in (into.history(), wanted)]
    np.testing.assert_allclose(*signals, atol=1e-12)


@pytest.mark.parametrize("told", [0.5, 0.0])
def test_a_finer_price_leaves_the_older_states_of_its_block_as_they_were(told):
    into = writer(tick_size=told, levels=3)
    coarse = book([(100.0, 1), (98.0, 2), (97.5, 1)], [(100.5, 1), (102.0, 2), (104.0, 4)])
    fine = book([(100.01, 1), (99.0, 2)], [(100.02, 1), (101.0, 2)])
    into.append(1, 1, coarse)
    before = into.history()
    into.append(2, 2, fine)
    history = into.history()
    assert (before.tick_size, history.tick_size) == (0.5, 0.01)
    for kept in (before, history):
        assert kept.prices(+1)[0].tolist() == [100.0, 98.0, 97.5]
        assert kept.prices(-1)[0].tolist() == [100.5, 102.0, 104.0]
    assert history.prices(+1)[1, :2].tolist() == [100.01, 99.0]
    signals = [obi.imbalance(kept, Parameters(decay=0.1, depth=3)) for kept in (before, history)]
    assert signals[0][0] == pytest.approx(signals[1][0], abs=1e-12)


def test_a_grid_of_tenths_does_not_take_prices_between_tenths():
    into = writer(tick_size=0.1, levels=2)
    into.append(1, 1, book([(10.0, 1)], [(10.1, 1)]))
    into.append(2, 2, book([(10.05, 1), (9.95, 1)], [(10.15, 1)]))
    history = into.history()
    assert history.tick_size == 0.05
    assert history.prices(+1).tolist()[1] == [10.05, 9.95]
    assert history.prices(-1)[:, 0].tolist() == [10.1, 10.15]


def test_a_level_beyond_16_bits_leaves_the_rest_of_its_block_as_it_was():
    into = writer(levels=2)
    write(into, (([200_000, 199_000], [1.0, 2.0]), ([200_001], [1.0])), 1)
    before = into.history()
    write(into, (([200_000, 100_000], [1.0, 2.0]), ([200_001], [1.0])), 2)
    assert into.history().prices(+1).tolist() == [[20000.0, 19900.0], [20000.0, 10000.0]]
    assert before.prices(+1).tolist() == [[20000.0, 19900.0]]


def test_the_facts_of_the_instrument_set_the_grid_until_a_state_has():
    into = HistoryWriter(Instrument("test", "X"), interval=0)
    into.describe(Instrument("test", "X", tick_size=0.1))
    into.append(1, 1, book([(10.0, 1)], [(11.0, 1)]))
    into.describe(Instrument("test", "X", "A label", tick_size=0.5))
    assert into.history().tick_size == 0.1
    assert into.history().instrument.label == "A label"


# -- how much is kept --------------------------------------------------------------------------


def whole(block):
    """Return the allocation that the sizes of a block are part of."""
    array = block.sizes
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.parametrize("capacity", [1, 100, BLOCK, 3 * BLOCK + 5])
def test_a_writer_keeps_what_it_was_told_and_little_more(capacity):
    into = writer(levels=1, capacity=capacity)
    total, allocated = 12 * BLOCK, set()
    for row in range(total):
        one(into, row * MS, bid=100 + row % 7, ask=200, size=1 + row)
        if row % 500 == 499:
            history = into.history()
            assert history.start + len(history) == row + 1
            assert min(capacity, row + 1) <= len(history) < capacity + 2 * BLOCK  # by the block
            assert len(history.blocks) == -(-len(history) // BLOCK)
            allocated.add(history.time.base.size)
            held = {id(one): one.nbytes for one in map(whole, history.blocks)}
            assert sum(held.values()) <= sum(block.sizes.nbytes for block in history.blocks)
    assert max(allocated) <= 4 * (capacity + 2 * BLOCK)
    history = into.history()
    rows = np.arange(history.start, total)
    assert times(history) == rows.tolist()
    assert history.sizes(-1)[:, 0].tolist() == (1 + rows).tolist()
    np.testing.assert_array_equal(history.bid, (100 + rows % 7) / 10)


def test_a_hash_is_of_the_states_and_not_of_how_they_are_kept():
    states = [
        (([500 + n % 9, 490 - n % 5], [1.0 + n, 2.0]), ([520, 530 + n % 3], [3.0, 1.0]))
        for n in range(3 * BLOCK)
    ]
    dropped, whole = writer(levels=2, capacity=BLOCK // 2), writer(levels=2)
    for number, state in enumerate(states):
        for into in (dropped, whole):
            write(into, state, SECOND + number * 100 * MS, received=number)
    bounded, everything = dropped.history(), whole.history()
    assert bounded.start == len(everything) - len(bounded) > 0
    assert bounded.sha256() == everything[bounded.start :].sha256()
    assert replace(everything, flow=None).sha256() == make(states, levels=2).sha256()


# -- histories that were handed out ------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(states=books(most=8), seed=st.integers(0, 100))
def test_a_history_that_was_handed_out_never_changes(states, seed):
    random = np.random.default_rng(seed)
    into = writer(tick_size=0, levels=4, capacity=50)
    handed, hashes = [], []
    for number in range(300):
        state = states[random.integers(len(states))]
        scale = random.choice([10, 10, 10, 1]) if number > 200 else 10
        write(
            into,
            state and tuple(([n * scale for n in ticks], sizes) for ticks, sizes in state),
            number * MS,
            price_of=lambda n: n / 100,
        )
        if number % 23 == 0:
            handed.append(into.history())
            hashes.append(handed[-1].sha256())
    for number in range(2 * BLOCK):
        one(into, SECOND + number * MS)
    assert [history.sha256() for history in handed] == hashes


def test_a_history_is_not_made_in_the_middle_of_a_change(monkeypatch):
    into, waiting = writer(levels=1, capacity=1), []

    def ask_meanwhile(real=into._make_room):
        thread = threading.Thread(target=into.history)
        thread.start()
        thread.join(0.05)
        waiting.append((thread, thread.is_alive()))
        real()

    monkeypatch.setattr(into, "_make_room", ask_meanwhile)
    for row in range(3 * BLOCK):
        one(into, row)
    for thread, _ in waiting:
        thread.join()
    assert [waited for _, waited in waiting] == [True] * 3


def test_histories_asked_for_while_states_come_are_whole():
    """Each state's price, size and time tell its number: a torn read would tell two."""
    into = writer(levels=2, capacity=2 * BLOCK)
    done, problems, seen = threading.Event(), [], []

    def look():
        while not done.is_set():
            history = into.history()
            rows = np.arange(history.start, history.start + len(history))
            seen.append(len(rows))
            right = (
                np.array_equal(history.time, rows)
                and np.array_equal(history.sizes(+1)[:, 0], 1 + rows)
                and np.array_equal(history.sizes(-1)[:, 1], 2 + rows)
                and np.allclose(history.prices(+1)[:, 0], (1000 + rows % 50) / 10)
            )
            if not right:
                problems.append((history.start, len(history)))

    threads = [threading.Thread(target=look) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for row in range(8 * BLOCK):
            bid = 1000 + row % 50
            write(into, (([bid, bid - 1], [1 + row, 1]), ([2000, 2001], [1, 2 + row])), row)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert problems == []
    assert len(set(seen)) > 3


def test_the_grid_of_a_state_that_waits_stays():
    into = HistoryWriter(Instrument("test", "X", tick_size=0.1), interval=0.1)
    into.append(1, 1, book([(10.0, 1), (9.5, 2)], [(10.5, 1)]))
    into.describe(Instrument("test", "X", tick_size=0.5))
    into.flush()
    assert into.history().prices(+1)[0, :2].tolist() == [10.0, 9.5]


def test_histories_that_nobody_has_are_forgotten_also_while_no_state_comes():
    """A lab whose feed has ended asks for a history ten times a second, for days."""
    into = writer(interval=0)
    one(into, 1000 * MS)
    held = [into.history() for _ in range(300)]
    for _ in range(5000):
        into.history()
    assert len(into._unfilled) < 1500
    for time in range(1001, 1002 + BLOCK):
        one(into, time * MS)
    assert all(times(history) == [1000] for history in held)


@pytest.mark.slow
def test_a_history_is_of_the_states_until_it_was_handed_out_whenever_it_is_read():
    """Also when it is first read after later states, a finer grid, and drops."""
    at_once, later = (
        writer(tick_size=0.5, levels=3, capacity=BLOCK, strict=True) for _ in range(2)
    )
    handed_out, wanted = [], []
    for number in range(3 * BLOCK):
        cents = 0.01 * (number > BLOCK // 2)
        state = book([(100.0 + cents, 1 + number % 3)], [(101.0, 2), (102.5, 0.25 * number + 1)])
        for into in (at_once, later):
            into.tape.trade(Trade(number, number, 100.0, 1.0, +1, number), number)
            into.tape.mark(Mark(number, number, 100.0 + number, 0.0, 0.0), number)
            into.append(number, number + 1, state)
        if number % 777 == 5:
            history = at_once.history()
            assert len(history) == len(history.taken.count)
            wanted.append(facts(history))
            handed_out.append(later.history())
    assert handed_out[-1].start > 0
    assert [facts(one) for one in handed_out] == wanted
    for name in History.__dataclass_fields__:  # whichever is asked for first
        assert repr(getattr(later.history(), name)) == repr(getattr(at_once.history(), name)), name
    copy = pickle.loads(pickle.dumps(later.history()))
    assert facts(copy) == facts(later.history())
    assert copy.newest is None
    with pytest.raises(AttributeError, match="has no colour"):
        later.history().colour  # noqa: B018


def facts(history):
    """Return all that a history tells."""
    return {
        "hash": history.sha256(), "start": history.start, "notes": history.notes,
        "grid": history.tick_size, "received": history.received.tolist(),
        "reach": history.reach.tolist(), "ends": history.trade_ends.tolist(),
        "trades": (history.trades.start, history.trades.sha256()),
        "context": history.context.sha256(), "flow": history.flow.order_flow.tolist(),
    }  # fmt: skip
