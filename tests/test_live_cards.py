"""Cards beside a stream: those of the whole record, one thread for many markets, errors shown."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from card_tools import market, wandering

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.session.live_cards import LiveCards

OF_BOOK = obi.Settings(depth=1, decay=0)


class Answers:
    """Counts answers, and waits for them."""

    def __init__(self):
        self.count, self.threads = 0, set()
        self._changed = threading.Condition()

    def __call__(self):
        with self._changed:
            self.count += 1
            self.threads.add(threading.current_thread())
            self._changed.notify_all()

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: self.count >= count, timeout=20)


@pytest.fixture
def answers():
    return Answers()


@pytest.fixture
def make(answers):
    made = []

    def one(mode="scalp", signals=OF_BOOK, **options):
        made.append(LiveCards(mode, signals, done=answers, **options))
        return made[-1]

    yield one
    for live in made:
        live.close()


@pytest.fixture(scope="module")
def history():
    return market(wandering(1_500, 1))


def same(found, expected):
    for name in ("time", "direction", "strength", "bands", "parts", "quality"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert repr(found.last) == repr(expected.last)  # NaN equals no NaN


def test_cards_that_were_appended_to_are_those_of_the_whole(make, answers, history):
    live = make()
    assert live.cards("a") is None
    for number, until in enumerate((3, 600, 1_100, len(history)), 1):
        live.ask("a", history[:until])
        answers.wait(number)
    same(live.cards("a"), obi.cards(history, mode="scalp", signals=OF_BOOK))
    assert live.error("a") == ""


def test_before_the_first_cycle_there_are_no_cards_and_no_error(make, answers, history):
    live = make()
    live.ask("a", history[:0])
    live.ask("a", history[:2])
    answers.wait(1)
    assert live.cards("a") is None
    assert live.found("a").error == ""


def test_it_is_asked_again_only_after_a_finished_cycle(make, answers, history):
    live = make()
    live.ask("a", history[:601])  # a state each 5 s: the next one is of the same cycle
    answers.wait(1)
    before = live.cards("a")
    for _ in range(20):
        live.ask("a", history[:602])
    live.ask("b", history[:602])  # of another market
    answers.wait(2)
    assert live.cards("a") is before
    assert len(live.cards("b")) == len(before)
    assert answers.count == 2


def test_one_thread_serves_all_markets_and_ends_by_itself(make, answers, history):
    begun, free = threading.Event(), threading.Event()

    def slow(_, cards):
        begun.set()
        assert free.wait(20)
        return len(cards)

    live = make(details=slow)
    try:
        live.ask(0, history[:600])
        assert begun.wait(20)
        for key in range(1, 21):
            live.ask(key, history[: 600 + key])
        live.ask(20, history)  # of what waits, the newest
    finally:
        free.set()
    answers.wait(21)
    assert len(answers.threads) == 1
    assert live.found(20).details == len(live.cards(20)) == 749
    (thread,) = answers.threads
    thread.join(timeout=20)
    assert not thread.is_alive()
    live.ask(0, history)  # by another thread
    answers.wait(22)
    assert len(live.cards(0)) == 749


def test_another_mode_is_made_of_the_history_and_the_first_goes_on(make, answers, history):
    live = make()
    live.ask("a", history[:600])
    answers.wait(1)
    live.mode = "day"
    assert (live.mode, live.cards("a")) == ("day", None)
    live.ask("a", history[:600])  # no cycle more, but another mode
    answers.wait(2)
    same(live.cards("a"), obi.cards(history[:600], mode="day", signals=OF_BOOK))
    live.ask("a", history)
    answers.wait(3)
    live.mode = "scalp"  # it has gone on
    same(live.cards("a"), obi.cards(history, mode="scalp", signals=OF_BOOK))


def test_without_signals_each_mode_has_those_of_its_preset(make, answers):
    history = obi.simulate(seconds=120, seed=1)
    live = make(signals=None)
    for number, mode in enumerate(("scalp", "day"), 1):
        live.mode = mode
        live.ask("a", history)
        answers.wait(number)
        np.testing.assert_array_equal(live.cards("a").parts, obi.cards(history, mode=mode).parts)


def test_a_recording_from_before_fills_windows(make, answers, history):
    live = make()
    live.seed("a", history[:1_000])
    live.ask("a", history[1_010:1_020])
    answers.wait(1)
    whole = obi.cards([history[:1_000], history[1_010:1_020]], mode="scalp", signals=OF_BOOK)
    same(live.cards("a"), whole)
    assert len(live.cards("a")) > 500


def test_an_error_is_kept_for_its_market_and_leaves_the_others(make, answers, history, caplog):
    @obi.signal(unit="", range=(-1, 1), needs="touch")
    def broken(states):
        if states.bid[0] > 200:
            raise RuntimeError("no value")
        return np.full(len(states), 0.5)

    high = market(wandering(1_500, 2), mids=np.full(1_500, 300.05))
    live = make(signals=broken)
    live.ask("high", high[:600])
    live.ask("low", history[:600])
    answers.wait(2)
    assert live.cards("high") is None
    assert "no value" in live.error("high")
    assert (live.error("low"), len(live.cards("low"))) == ("", 299)
    logged = len(caplog.records)
    live.ask("high", high)  # it is tried again, and told once
    answers.wait(3)
    assert (len(caplog.records), logged) == (logged, 1)
    low = market(wandering(1_700, 2), mids=np.full(1_700, 100.05))
    live.ask("high", low)  # what it has now works
    answers.wait(4)
    assert (live.error("high"), len(live.cards("high"))) == ("", 849)


def test_what_is_not_possible_is_refused_at_once(make):
    with pytest.raises(SettingsError, match="mode"):
        make("hour")
    with pytest.raises(SettingsError, match="weights"):
        make(weights=[1, 2])
    live = make()
    with pytest.raises(SettingsError, match="mode"):
        live.mode = "hour"
    assert live.mode == "scalp"


def test_after_the_end_nothing_is_made(make, answers, history):
    live = make()
    live.ask("a", history[:600])
    answers.wait(1)
    live.close()
    live.ask("a", history)
    time.sleep(0.02)
    assert (answers.count, len(live.cards("a"))) == (1, 299)
