"""The imbalance against its formula, written anew: on captured books, random ones, and by hand."""

from __future__ import annotations

import gzip
import heapq
import json
import math
from itertools import product

import numpy as np
import pytest
from history_tools import NAN, books, early, ladders, make
from hypothesis import given, settings
from hypothesis import strategies as st
from imbalance_reference import as_lists, never_zero, reference

import obi_widgets as obi
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals import weights

CLOSE = 1e-6

CASES = [
    *(Parameters(decay=decay, depth=depth) for decay, depth in product((0, 0.1, 1, 20), (1, 10))),
    *(Parameters(decay=decay, depth=depth) for decay in (0, 1) for depth in (50, None)),
    Parameters(decay=0.1, depth=None),
    Parameters(decay=20, depth=50),
    Parameters(decay=0.1, depth=None, band_bps=0.5),
    Parameters(decay=1, depth=10, band_bps=0.05),
    Parameters(decay=0.1, depth=None, weighting="notional"),
    Parameters(decay=20, depth=10, weighting="notional", band_bps=2),
]


@pytest.fixture(scope="module")
def lists(history):
    return as_lists(history)


def check(signal, wanted):
    wanted = np.array(wanted)
    np.testing.assert_array_equal(np.isnan(signal), np.isnan(wanted))
    np.testing.assert_allclose(signal, wanted, rtol=0, atol=CLOSE)


@pytest.mark.parametrize(("number", "parameters"), list(enumerate(CASES)), ids=str)
def test_states_of_a_capture(history, lists, number, parameters):
    """Every third state; each case begins with another one, so that every state has its turn."""
    kept, third = (
        {"kept": history.levels, "tick_size": history.tick_size},
        slice(number % 3, None, 3),
    )
    wanted = [reference(bids, asks, parameters, **kept) for bids, asks in lists[third]]
    check(obi.imbalance(history, parameters)[third], wanted)
    if parameters.band_bps is None:
        assert not np.isnan(wanted).any()


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["btcusdt", "ethusdt"])
def test_from_the_bytes_of_a_capture(captures, symbol):
    """A decoder and a book of their own, in a few lines; every state, and nothing kept between."""
    parameters = Parameters(decay=0.5, depth=10)
    wanted = {}
    for time, bids, asks in replayed(captures[symbol]):
        top = [(p, bids[p]) for p in heapq.nlargest(10, bids)]
        bottom = [(p, asks[p]) for p in heapq.nsmallest(10, asks)]
        wanted[time] = reference(top, bottom, parameters, kept=10, tick_size=0.0)
    history = obi.load(captures[symbol], interval=0, levels=20)
    last = np.append(np.diff(history.time) > 0, True)  # of the states of one time
    assert (history.time[last] // 1_000_000).tolist() == list(wanted)
    check(obi.imbalance(history, parameters)[last], list(wanted.values()))


def replayed(paths):
    """Yield the exchange's time in ms, and the book's sides as dicts, after each message."""
    bids, asks, waiting, last = {}, {}, [], None
    for path in paths:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines():
            message = json.loads(line.partition(" ")[2])
            if "lastUpdateId" in message:
                last = message["lastUpdateId"]
                put(bids, message["bids"])
                put(asks, message["asks"])
                yield message["T"], bids, asks
                ready = [one for one in waiting if one["u"] >= last]
            elif message.get("data", {}).get("e") == "depthUpdate":
                ready = [message["data"]]
            else:
                continue
            if last is None:
                waiting += ready
                continue
            for one in ready:
                put(bids, one["b"])
                put(asks, one["a"])
                yield one["T"], bids, asks


def put(side, levels):
    for price, size in levels:
        side[float(price)] = float(size)
        if not float(size):
            del side[float(price)]


# -- random books ------------------------------------------------------------------------------

ANY = st.builds(
    Parameters,
    decay=st.sampled_from([0.0, 0.1, 1.0, 20.0, 100.0]),
    depth=st.sampled_from([1, 2, 5, 50, None]),
    band_bps=st.sampled_from([None, None, 7.131, 71.17, 713.71]),
    weighting=st.sampled_from(["size", "notional"]),
)


@settings(max_examples=150, deadline=None)
@given(states=books(widest=30), parameters=ANY)
def test_random_books(states, parameters):
    history = make(states)
    kept = {"kept": history.levels, "tick_size": history.tick_size}
    wanted = [reference(*book, parameters, never_zero, **kept) for book in as_lists(history)]
    check(obi.imbalance(history, parameters), wanted)


@settings(max_examples=80)
@given(states=books(widest=30), parameters=ANY)
def test_it_lies_between_its_bounds(states, parameters):
    signal = obi.imbalance(make(states), parameters)
    assert signal.dtype == np.float64
    assert np.all((np.abs(signal) <= 1) | np.isnan(signal))


def mirrored(state):
    """Return a book whose bids are its asks, as far from the same mid."""
    (bids, bid_sizes), (asks, ask_sizes) = state
    middle = bids[0] + asks[0]
    return ([middle - n for n in asks], ask_sizes), ([middle - n for n in bids], bid_sizes)


FULL = ladders(levels=6, widest=30).filter(lambda state: state[0][0] and state[1][0])


@settings(max_examples=80)
@given(state=FULL, parameters=ANY)
def test_swapping_the_sides_changes_the_sign(state, parameters):
    parameters = parameters.replace(weighting="size")
    one, other = (obi.imbalance(make([s]), parameters)[0] for s in (state, mirrored(state)))
    assert other == pytest.approx(-one, abs=1e-12, nan_ok=True)


@settings(max_examples=80)
@given(state=FULL, parameters=ANY, factor=st.sampled_from([0.001, 0.5, 3.0, 1e6]))
def test_only_the_proportions_of_sizes_matter(state, parameters, factor):
    scaled = tuple((ticks, [factor * size for size in sizes]) for ticks, sizes in state)
    one, other = (obi.imbalance(make([s]), parameters)[0] for s in (state, scaled))
    assert other == pytest.approx(one, abs=3e-7, nan_ok=True)


@settings(max_examples=80)
@given(state=FULL, decay=st.sampled_from([0.0, 0.1, 1.0]), which=st.sampled_from([0, 1]))
def test_a_larger_best_level_draws_it_to_its_side(state, decay, which):
    ticks, sizes = state[which]
    more = list(state)
    more[which] = (ticks, [4 * sizes[0], *sizes[1:]])
    before, after = (
        obi.imbalance(make([s]), Parameters(decay=decay, depth=6))[0] for s in (state, more)
    )
    assert (after - before) * (1 if which == 0 else -1) > 0


@settings(max_examples=60)
@given(states=books(widest=30), parameters=ANY)
def test_weights_are_what_decay_depth_and_band_leave(states, parameters):
    history = make(states)
    got = weights(history, parameters.decay, parameters.depth, parameters.band_bps)
    assert got.shape == (2, 6, len(history))
    wanted = np.zeros_like(got)
    for row, book in enumerate(as_lists(history)):
        if not book[0] or not book[1]:
            continue
        mid = (book[0][0][0] + book[1][0][0]) / 2
        for which, level in product((0, 1), range(6)):
            if level < len(book[which]) and level < (parameters.depth or 6):
                distance = 1e4 * abs(book[which][level][0] - mid) / mid
                if parameters.band_bps is None or distance <= parameters.band_bps:
                    wanted[which, level, row] = math.exp(-parameters.decay * distance)
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-12)


# -- by hand -----------------------------------------------------------------------------------


def by_hand(**changes):
    """Mid 1,000: bids of 2 at 1 bp and 8 at 2 bps, asks of 2 at 1 bp and 8 at 3 bps."""
    book = ([[999.9, 999.8]], [[2.0, 8.0]], [[1000.1, 1000.3]], [[2.0, 8.0]])
    history = early([1], *book, tick_size=0.1)
    return obi.imbalance(history, Parameters(**{"decay": math.log(2), "depth": 2, **changes}))[0]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, 1 / 5),  # halved each bp: 1 + 2 against 1 + 1
        ({"depth": 1}, 0.0),
        ({"decay": 0.0}, 0.0),
        ({"band_bps": 2.5}, 1 / 2),  # 1 + 2 against 1
        ({"band_bps": 2.0, "decay": 0.0}, 8 / 12),  # the level on the edge counts
        ({"band_bps": 1.0}, 0.0),
        ({"band_bps": 0.9}, NAN),
        ({"decay": 0.0, "weighting": "notional"}, (9998.2 - 10002.6) / (9998.2 + 10002.6)),
        ({"decay": 100.0}, 0.0),  # only the best are left, and they are equal
    ],
)
def test_by_hand(changes, wanted):
    assert by_hand(**changes) == pytest.approx(wanted, abs=3e-7, nan_ok=True)


def test_more_bids_are_plus():
    history = early([1, 2], [9, 9], [3, 1], [10, 10], [1, 3])
    assert obi.imbalance(history, Parameters(decay=0, depth=1)).tolist() == [0.5, -0.5]


def test_no_number_is_made_of_no_book():
    state = (([100], [1.0]), ([101], [1.0]))
    one_sided = [(([100], [1.0]), ([], [])), (([], []), ([101], [1.0]))]
    signal = obi.imbalance(make([state, None, *one_sided, state]), Parameters())
    assert np.isnan(signal).tolist() == [False, True, True, True, False]


def test_it_does_not_underflow_however_strong_the_decay():
    history = early([1], [[50.0]], [[3.0]], [[150.0]], [[1.0]])
    assert obi.imbalance(history, Parameters(decay=100.0, depth=1)).tolist() == [0.5]


def test_settings_that_may_change_are_taken_too():
    history = make([(([100, 98], [1.0, 5.0]), ([101], [2.0]))])
    values = {"decay": 0.7, "depth": 2}
    signals = [obi.imbalance(history, some(**values)) for some in (obi.Settings, Parameters)]
    assert signals[0].tolist() == signals[1].tolist()
