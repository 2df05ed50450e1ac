"""The gate that closes while windows contradict each other, on a market where they do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from card_tools import CYCLE, bands, cycle_means, market, windows
from history_tools import START

import obi_widgets as obi
from obi_widgets.signals.imbalance import imbalance
from obi_widgets.trading.entries import Scanner
from obi_widgets.trading.gates.conflict import conflict
from obi_widgets.trading.gates.following import FollowedGates

EVERY = 5.0
HOURS = 4
FIRST = 3 * 720  # states before the bursts begin
BURSTS = (FIRST + 100, FIRST + 260, FIRST + 500)
"""States at which 100 s of a strong lean to the other side begin."""

CHOSEN = {"depth": 1}


@pytest.fixture(scope="module")
def contradicting():
    """A market whose hour leans up, and whose minute leans down in three bursts."""
    rng = np.random.default_rng(4)
    leans = rng.uniform(-0.1, 0.1, int(HOURS * 3600 / EVERY))
    leans[2 * 720 :] += np.linspace(0, 0.8, 2 * 720)  # so that the hour is ever more beyond
    for burst in BURSTS:
        leans[burst : burst + 20] = -0.9
    leans[FIRST + 650 : FIRST + 670] = 0.9  # a burst that no window contradicts
    return market(leans, EVERY), leans


def blocked(history, leans):
    """Return the states in conflict, and those where that is not known, by plain loops."""
    means = cycle_means(history.time, leans)
    values = np.stack([windows(means, seconds) for seconds in (60, 300, 3600)])
    edges = np.stack([bands(one) for one in values])
    with np.errstate(invalid="ignore"):
        found = (values > edges).any(axis=0) & (values < -edges).any(axis=0)
    unknown = np.isnan(values).any(axis=0) | np.isnan(edges).any(axis=0)
    at = np.searchsorted(sorted(means), history.time, "right")
    return np.append(False, found)[at], np.append(True, unknown)[at]


def test_it_is_closed_in_the_conflicts_and_nowhere_else(contradicting):
    history, leans = contradicting
    in_conflict, unknown = blocked(history, leans)
    longs, shorts = conflict(history, **CHOSEN)
    np.testing.assert_array_equal(longs, shorts)
    np.testing.assert_array_equal(longs, np.where(unknown, np.nan, ~in_conflict))
    rows = np.flatnonzero(in_conflict)
    # As it was built: each burst is a conflict, within a cycle of its begin and until it has left
    # the window of 5 min; the burst of the hour's own side is none.
    for burst in BURSTS:
        near = rows[(rows >= burst) & (rows < burst + 90)]
        assert len(near) > 10
        assert near[0] - burst <= 12
    apart = np.min([np.where(rows >= b, rows - b, 10**6) for b in BURSTS], axis=0)
    assert apart.max() <= 80
    assert unknown.mean() == 0.5  # an hour to fill, and another for its band


def test_entries_are_blocked_at_those_times_and_no_others(contradicting):
    history, leans = contradicting
    in_conflict, unknown = blocked(history, leans)
    settings = obi.Settings(
        signal="imbalance", depth=1, decay=0, threshold=0.2, hold_seconds=EVERY, fee_bps=0
    )
    free = obi.entries(history, settings)
    gated = obi.entries(history, settings.parameters.replace(gates={"conflict": CHOSEN}))
    # Each position ends with the next state, so none stands in the way of another.
    rows = np.searchsorted(history.time, free["entry_time"].astype("int64"))
    closed = (in_conflict | unknown)[rows]
    kept = free.loc[~closed, ["side", "entry_time", "exit_time"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(gated[["side", "entry_time", "exit_time"]], kept)
    assert len(free) > len(gated) > 200
    assert (free["side"][in_conflict[rows]] < 0).sum() > 20


def test_it_says_what_the_card_says(contradicting):
    history, _ = contradicting
    cards = obi.cards(history, mode="day", signals=obi.Settings(depth=1, decay=0.1))
    longs, _ = conflict(history, **CHOSEN)
    at = np.searchsorted(cards.time, history.time, "right")
    np.testing.assert_array_equal(longs, 1 - np.append(np.nan, cards.conflict)[at])
    assert (cards.state == "conflict").any()
    direction = obi.card_direction(history, depth=1)
    np.testing.assert_array_equal(direction, np.append(np.nan, cards.direction)[at])


@pytest.mark.parametrize("row", [1, 1_500, 2_300, 2_879])
def test_appended_and_whole_are_the_same_to_the_bit_and_nothing_later_is_known(row, contradicting):
    history, _ = contradicting
    values = conflict.check({**CHOSEN, "of_last": 3_600})
    whole = conflict.compute(history, values)
    np.testing.assert_array_equal(conflict.compute(history, values, row), whole[:, row:])
    np.testing.assert_array_equal(conflict.compute(history[:row], values), whole[:, :row])
    first = conflict.first_needed(history, values, row)
    tail = conflict.compute(history[first:], values)[:, row - first :]
    np.testing.assert_array_equal(tail, whole[:, row:])
    assert (first > 0) == (history.time[row] - START > 7_200 * 10**9 + CYCLE)


SETTINGS = obi.Parameters(
    signal="imbalance", depth=1, decay=0, threshold=0.2, hold_seconds=EVERY, fee_bps=0,
    gates={"conflict": {**CHOSEN, "of_last": 3_600}, "spread": {"window": 60}},
)  # fmt: skip


def dropped(history, count):
    """Return a history that has dropped its first states."""
    return replace(history[count:], start=history.start + count)


@pytest.mark.parametrize("lost", [(), (2_000, 2_001)])
def test_a_gate_that_is_followed_says_what_the_whole_says_and_reads_each_state_once(
    lost, contradicting, monkeypatch
):
    history = market(contradicting[1], EVERY, lost=list(lost))
    whole = SETTINGS.gates.allowed(history)
    read = []
    compute = type(imbalance).compute
    monkeypatch.setattr(
        type(imbalance), "compute",
        lambda self, part, values, first=0: (
            read.append(len(part) - first), compute(self, part, values, first)
        )[1],
    )  # fmt: skip
    followed, at, found = FollowedGates(SETTINGS.gates), 0, []
    for new in [1, 1, 3, 900, 0, 7, *[2] * 300, 1, *[37] * 40]:
        now = min(at + new, len(history))
        gone = max(at - 60, 0)  # some five minutes are kept, and the long window is an hour
        found.append(followed.allowed(dropped(history[:now], gone), at - gone))
        at = now
    found.append(followed.allowed(history, at))
    np.testing.assert_array_equal(np.concatenate(found, axis=1), whole)
    assert sum(read) == len(history)
    assert 0.2 < whole.mean() < 0.5


def test_states_that_were_dropped_unseen_do_not_count(contradicting):
    history, leans = contradicting
    followed = FollowedGates(SETTINGS.gates)
    followed.allowed(history[:2_000], 0)
    found = followed.allowed(dropped(history, 2_002), 0)
    whole = SETTINGS.gates.allowed(market(leans, EVERY, lost=[2_000, 2_001]))
    np.testing.assert_array_equal(found[:, 12:], whole[:, 2_014:])  # the spread's minute


def test_entries_of_a_history_that_grows_are_those_of_the_whole(contradicting):
    history, _ = contradicting
    scanner = Scanner(SETTINGS)
    values = obi.compute(history, SETTINGS)
    for now in [1, 2, 1_000, *range(1_400, len(history), 17), len(history)]:
        scanner.extend(history[:now], values[:now])
    found = scanner.trades(history).to_frame()
    expected = obi.entries(history, SETTINGS)
    pd.testing.assert_frame_equal(found, expected[found.columns], check_like=True)
    assert len(found) > 200


def test_a_short_gap_closes_it_for_no_longer_than_the_gap(contradicting):
    history, leans = contradicting
    broken = market(leans, EVERY, lost=[2_000, 2_001])
    longs, _ = conflict(broken, **CHOSEN)
    assert np.isnan(longs[2_000:2_002]).all()
    whole, _ = conflict(history, **CHOSEN)
    # The minute loses 10 of its 60 s, which is more than it may, until it has 54 s again.
    unknown = np.flatnonzero(np.isnan(longs[1_450:])) + 1_450
    assert unknown[0] >= 2_000
    assert unknown[-1] <= 2_000 + 16
    known = ~np.isnan(longs) & ~np.isnan(whole)
    assert np.mean((longs == whole)[known]) > 0.95
