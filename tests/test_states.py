"""Each new state is given to a user's code: in order, with its signal, and nothing waits for it."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest
from history_tools import MS, write, writer
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.session.states import Listener, Listeners


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recordings") / "sim"
    return obi.record("sim:ETH-PERP", path, seconds=0.2, warmup=30.0, seed=2)


class Source:
    """A market whose states come when a test says so, few of which are kept."""

    def __init__(self, capacity=None):
        self.into, self.state, self.count = writer(levels=1, capacity=capacity), "live", 0

    def history(self):
        return self.into.history()

    def come(self, states):
        for _ in range(states):
            bid = 1000 + self.count % 3
            write(self.into, (([bid], [3.0]), ([bid + 1], [1.0])), self.count * 100 * MS)
            self.count += 1


@pytest.fixture
def listening():
    """Return a function that makes a market and its listeners; all are closed in the end."""
    made = []

    def make(settings=None, capacity=None):
        market, told = Source(capacity), []
        listeners = Listeners(market, settings or obi.Settings(depth=1), told.append)
        made.append(listeners)
        return market, listeners, told

    yield make
    for one in made:
        one.close()


def test_each_state_comes_once_in_order_with_its_signal(recording):
    states = []
    session = obi.Session(recording, speed=None, signal="zscore(imbalance)")
    session.settings.window = 5
    try:
        session.on_state(states.append)
        wait_for(lambda: session.market.state == "closed", "the end of the recording")
        history = session.history
        wait_for(lambda: len(states) >= len(history), "the last state")
        assert [one.time for one in states] == history.time.tolist()
        assert [one.received for one in states] == history.received.tolist()
        assert np.array([one.bid for one in states]).tobytes() == history.bid.tobytes()
        assert np.array([one.mid for one in states]).tobytes() == history.mid.tobytes()
        signal = session.settings.signal(history, session.settings)
        assert np.isfinite(signal[-1])
        np.testing.assert_array_equal([one.signal for one in states], signal)
        one = states[-1].history
        assert len(one) == 1
        assert one.prices(+1).tolist() == history[-1:].prices(+1).tolist()
    finally:
        session.close()
    wait_for(
        lambda: not [one for one in threading.enumerate() if one.name == "obi-states"],
        "threads to end",
    )


def test_what_was_there_before_is_not_given(listening):
    market, listeners, _ = listening()
    market.come(5)
    times = []
    listeners.add(lambda state: times.append(state.time))
    market.come(3)
    wait_for(lambda: len(times) == 3, "three states")
    assert times == market.history().time[5:].tolist()


def test_it_is_removed_by_what_was_returned(listening):
    market, listeners, _ = listening()
    first, second = [], []
    remove = listeners.add(first.append)
    listeners.add(second.append)
    market.come(2)
    wait_for(lambda: len(first) == len(second) == 2, "two states each")
    remove()
    remove()
    wait_for(lambda: sum(one.name == "obi-states" for one in threading.enumerate()) == 1, "one end")
    market.come(2)
    wait_for(lambda: len(second) == 4, "four states")
    assert len(first) == 2


def test_an_error_is_told_and_the_next_state_comes(listening, caplog):
    market, listeners, told = listening()
    seen = []

    def fails(state):
        seen.append(state)
        raise KeyError("side")

    listeners.add(fails)
    market.come(4)
    wait_for(lambda: len(seen) == 4, "four states")
    wait_for(lambda: told, "a sentence")
    assert told == ["A function of on_state failed: KeyError('side')."]
    assert caplog.text.count("Traceback") == 1


def test_one_that_is_slow_keeps_nobody_waiting_and_what_it_missed_is_told(listening):
    market, listeners, told = listening(capacity=100)
    entered, released, times, quick = threading.Event(), threading.Event(), [], []

    def slow(state):
        times.append(state.time)
        entered.set()
        assert released.wait(60)

    listeners.add(slow)
    listeners.add(lambda state: quick.append(state.time))
    market.come(1)
    assert entered.wait(60)
    market.come(20_000)  # while it is at the first
    kept = market.history()
    assert kept.start > 0
    released.set()
    wait_for(lambda: times[-1] == kept.time[-1], "the newest state")
    given = len(times)
    missed = market.count - given
    assert missed > 0
    assert (
        told[-1]
        == (
            f"A function of on_state is too slow: {missed:,} states were left out. "
            "Let it do less, or keep more of the past with history_seconds."
        )
        or len(told) > 1
    )
    assert times == sorted(set(times))


def test_the_signal_is_of_the_settings_as_they_stand(listening):
    settings = obi.Settings(depth=1)
    market, listeners, _ = listening(settings)
    signals = []
    listeners.add(lambda state: signals.append(state.signal))
    market.come(1)
    wait_for(lambda: len(signals) == 1, "a state")
    settings.weighting = "notional"
    market.come(1)
    wait_for(lambda: len(signals) == 2, "another state")
    history = market.history()
    assert signals[0] == obi.imbalance(history, depth=1)[0]
    assert signals[1] == obi.imbalance(history, depth=1, weighting="notional")[1]


def test_a_callback_may_close_its_session(recording):
    done = threading.Event()
    with following(recording, View(), speed=None) as session:

        def close(_):
            session.close()
            done.set()

        session.on_state(close)
        assert done.wait(60)
        assert session.closed


def test_what_cannot_be_called_is_refused(recording):
    with following(recording, View(), speed=None) as session:
        with pytest.raises(obi.ObiError) as error:
            session.on_state("print")
        assert str(error.value) == "A str cannot be called. Give a function of a state."


def test_one_that_wants_only_the_newest_gets_that_and_never_falls_behind(listening):
    market, listeners, told = listening()
    given, running, go_on = [], threading.Event(), threading.Semaphore(0)

    def slow(state):
        given.append(state.time)
        running.set()
        go_on.acquire(timeout=60)

    listeners.add(slow, partial(Listener, only_newest=True))
    market.come(1)
    assert running.wait(60)
    market.come(500)  # while it runs
    go_on.release()
    wait_for(lambda: len(given) == 2, "the newest state")
    assert given == [0, 500 * 100 * MS]
    go_on.release(10)
    market.come(1)
    wait_for(lambda: len(given) == 3, "the next state")
    assert given[-1] == 501 * 100 * MS
    assert told == []


def test_only_newest_is_true_or_false(recording):
    session = obi.Session(recording)
    try:
        with pytest.raises(obi.errors.SettingsError, match="only_newest = 1 is not possible"):
            session.on_state(print, only_newest=1)
    finally:
        session.close()
