"""The clocks of a market: steady, wall, event and the venue's own, each wrong in turn."""

import json

import numpy as np
import pytest
from exchange_tools import ASKS, BIDS, SECOND, levels_of, lmex_summary, names

from obi_widgets.feeds.clocks import Clocks
from obi_widgets.feeds.market import Market
from obi_widgets.market_data.venues import make_venue
from obi_widgets.market_data.venues.lmex import SUMMARY, TIME
from obi_widgets.market_data.venues.replies import BOOK, Fetch

T0 = 1_790_000_000 * SECOND
DAY = 86_400 * SECOND


class Talk:
    """A market that LMEX tells of, frame by frame, at times that a test chooses."""

    def __init__(self, *, date=T0, took=0, can_ask=True, interval=0):
        venue = make_venue("lmex", "BTC-PERP")
        venue.can_ask = can_ask
        self.market = Market(venue, interval=interval)
        self.now, self.sequence = T0, 10
        self.market.start(self.now)
        self.market.fetched(SUMMARY, 200, lmex_summary(), self.now, date, took)
        self.market.connected(BOOK, self.now)

    def frame(self, kind, time, bids=BIDS, asks=ASKS):
        self.sequence += 1
        data = {
            "bids": [[str(p), str(q)] for p, q in bids],
            "asks": [[str(p), str(q)] for p, q in asks],
        }
        data |= {"seqNum": self.sequence, "prevSeqNum": self.sequence - 1, "type": kind}
        data |= {"symbol": "BTC-PERP", "timestamp": time // 1_000_000}
        frame = json.dumps({"topic": "update:BTC-PERP_0", "data": data})
        return self.market.receive(frame, self.now)

    def snapshot(self, time=None):
        return self.frame("snapshot", self.now if time is None else time)

    def delta(self, late=0.0, step=0.1):
        """Tell of a change, so many seconds after it happened."""
        self.now += round(step * SECOND)
        self.market.tick(self.now)
        size = 1 + self.sequence % 9
        return self.frame("delta", self.now - round(late * SECOND), [(100.0, size)], [])

    def states(self, count=20, **how):
        """Return what is shown after each of so many deltas."""
        shown = []
        for _ in range(count):
            self.delta(**how)
            shown.append(self.market.state)
        return shown


# -- the steady clock ----------------------------------------------------------------------


def test_steady_time_goes_on_when_the_wall_clock_is_set_back():
    clocks = Clocks("X")
    assert [clocks.read(now * SECOND) // SECOND for now in (100, 101, 40, 41)] == [
        100,
        101,
        101,
        102,
    ]
    assert clocks.shift == 61 * SECOND


def test_steady_time_loses_nothing_when_the_wall_clock_is_set_back_by_less_than_a_second():
    clocks = Clocks("X")
    read = [clocks.read(100 * SECOND + ms * 1_000_000) for ms in (0, 900, 100, 200)]
    assert np.diff(read).tolist() == [900_000_000, 0, 100_000_000]


def test_times_of_a_recording_that_cross_by_less_than_a_second_are_no_step():
    clocks = Clocks("X", asks=False)
    read = [clocks.read(100 * SECOND + ms * 1_000_000) for ms in (0, 500, 100, 600)]
    assert np.diff(read).tolist() == [500_000_000, 0, 100_000_000]
    assert clocks.shift == 0


def test_a_wall_clock_that_is_set_back_untold_hides_no_silence():
    talk = Talk()
    talk.snapshot()
    assert set(talk.states(120)) == {"live"}
    talk.now -= 9 * SECOND // 10
    for _ in range(53):  # 5 s, and a tick on each side
        talk.now += SECOND // 10
        talk.market.tick(talk.now)
    assert talk.market.state == "stale"


@pytest.mark.parametrize("step", [3600 * SECOND, -3600 * SECOND])
def test_a_clock_that_is_set_changes_nothing_but_times_of_receipt(step):
    talk = Talk(interval=0.1)
    talk.snapshot()
    talk.states()
    told = []
    for number in range(100):
        if number == 50:
            talk.now += step
            talk.market.clock_was_set(step)
        talk.now += SECOND // 10
        talk.market.tick(talk.now)
        time = talk.now - step * (number >= 50)
        talk.frame("delta", time, [(100.0, 1 + number % 5)], [])
        told.append(talk.market.age(talk.now))
        # Ahead or back by an hour the absolute lag is held against the venue's own clock.
        assert talk.market._in_sync
    assert told == [0.0] * 100
    history = talk.market.history()
    assert history.gaps == 0
    assert len(history) >= 118
    assert np.all(np.diff(history.time) > 0)
    assert history.received[-1] - history.received[0] > 3500 * SECOND or step < 0


def test_watchdogs_go_on_when_the_clock_is_set_back():
    talk = Talk()
    talk.snapshot()
    talk.sequence += 5
    talk.delta()
    assert talk.market.state == "gap"
    talk.now -= 3600 * SECOND
    sent = [names(talk.market.tick(talk.now + second * SECOND)) for second in range(4)]
    assert ["Send", "Send"] in sent


def test_a_dead_connection_is_noticed_though_the_clock_was_set_back():
    talk = Talk()
    talk.snapshot()
    talk.states(120)
    talk.now -= 3600 * SECOND
    seconds = next(
        one
        for one in range(100)
        if names(talk.market.tick(talk.now + one * SECOND))[-1:] == ["Reconnect"]
    )
    assert seconds <= 6
    assert talk.market.state == "stale"


# -- event times that cannot be ------------------------------------------------------------


def test_a_first_snapshot_a_day_ahead_is_not_recorded_and_a_right_one_heals():
    talk = Talk()
    talk.snapshot(T0 + DAY)
    assert talk.market.state == "gap"
    assert talk.market.detail == (
        "The book was thrown away: event time is 86,400 s ahead of LMEX's own clock."
    )
    talk.now += SECOND
    talk.snapshot()
    assert set(talk.states(300)) == {"live"}
    history = talk.market.history()
    assert history.time[0] == T0 + SECOND
    assert history.time[-1] == history.received[-1]
    assert len(history) == 301


def test_a_first_snapshot_a_day_ahead_waits_when_nobody_has_said_the_time():
    talk = Talk(date=None)
    (asked,) = talk.snapshot(T0 + DAY)
    assert isinstance(asked, Fetch)
    assert asked.name == TIME
    assert talk.market.state == "stale"
    assert talk.market.detail == (
        "Event times are 86,400 s ahead of this computer's clock, "
        "and LMEX has not said what time it is."
    )
    talk.delta()
    assert talk.market.state == "gap"
    assert "event time fell back by 86,400 s" in talk.market.detail
    assert len(talk.market.history()) == 0
    talk.now += 2 * SECOND
    talk.snapshot()
    assert set(talk.states()) == {"live"}
    assert talk.market.history().time[-1] == talk.now


@pytest.mark.parametrize("back", [61.0, 3600.0])
def test_event_time_that_falls_back_is_a_gap_and_nothing_false_is_recorded(back):
    talk = Talk()
    talk.snapshot()
    talk.states()
    newest = talk.now
    assert names(talk.delta(late=back)) == ["Send", "Send"]
    assert talk.market.state == "gap"
    assert "event time fell back by " in talk.market.detail
    talk.now += SECOND
    talk.snapshot(talk.now - round(back * SECOND))
    talk.states(5, late=back)
    assert talk.market.state == "stale"  # by the venue's own clock they come that late
    assert "come" in talk.market.detail
    assert talk.market.history().time[-1] == newest + 1  # the gap
    talk.now += round(back * SECOND)
    talk.snapshot()
    assert set(talk.states()) == {"live"}
    assert talk.market.history().time[-1] == talk.now


def test_a_snapshot_that_leaps_is_not_believed_until_another_says_the_same():
    talk = Talk(can_ask=False, date=None)
    talk.snapshot()
    talk.states()
    talk.snapshot(talk.now + DAY)
    assert "event time went 86,400 s ahead of this computer's clock" in talk.market.detail
    assert talk.market.advice == (
        "A recording cannot send a new one: the book is back at its next snapshot."
    )
    talk.now += SECOND
    talk.snapshot()
    assert talk.market.state == "live"
    talk.snapshot(talk.now + DAY)
    assert talk.market.state == "gap"
    talk.now += SECOND
    talk.snapshot(talk.now + DAY)
    assert talk.market.state == "live"


def test_a_quiet_markets_snapshot_of_long_ago_is_as_good_as_any():
    talk = Talk()
    talk.snapshot(T0 - 3600 * SECOND)
    assert talk.market.state == "live"


@pytest.mark.parametrize("known", [True, False])
def test_a_change_after_a_snapshot_of_long_ago_is_of_now(known):
    talk = Talk()
    if known:
        talk.snapshot()
        talk.states()
    last = talk.now
    talk.now += 61 * SECOND  # nothing has changed, so the snapshot is of then
    talk.snapshot(last)
    talk.now += 14 * SECOND
    assert set(talk.states()) == {"live"}
    talk.market.end("", "")
    assert talk.market.history().gaps == 0
    assert talk.market.history().time[-1] == talk.now


@pytest.mark.parametrize("known", [True, False])
def test_a_change_after_a_snapshot_of_long_ago_that_is_far_ahead_is_a_gap(known):
    talk = Talk()
    if known:
        talk.snapshot()
        talk.states()
    talk.now += 3600 * SECOND
    talk.snapshot(T0 + 10 * SECOND)
    talk.delta(late=-61.0)
    assert talk.market.state == "gap"
    assert "event time went 61 s ahead of this computer's clock" in talk.market.detail
    assert talk.market.history().time[-1] < T0 + 11 * SECOND


# -- data that come late -------------------------------------------------------------------


def test_data_later_and_later_are_stale_and_heal_below_3_s():
    talk = Talk()
    talk.snapshot()
    lates = [0.0, 2.0, 4.9, 5.1, 8.0, 4.0, 3.1, 2.9, 4.9]
    shown = []
    for late in lates:
        talk.delta(late=late, step=3.0)
        shown.append(talk.market.state)
        assert talk.market.lag.above_minimum == pytest.approx(late)
        assert talk.market.lag.absolute == pytest.approx(late)
        assert levels_of(talk.market.book)[0]
        assert talk.market.has_book
    assert shown == ["live"] * 3 + ["stale"] * 4 + ["live"] * 2
    assert talk.market.history().gaps == 0
    assert len(talk.market.history()) == 1 + len(lates)


def test_late_data_say_how_late_they_come():
    talk = Talk()
    talk.snapshot()
    talk.delta()
    talk.delta(late=8.0, step=10.0)
    assert (talk.market.state, talk.market.detail) == ("stale", "Data from LMEX come 8 s late.")


def test_a_stream_steadily_ten_minutes_late_is_held_against_the_venues_clock():
    talk = Talk()
    talk.snapshot(T0 - 600 * SECOND)
    assert set(talk.states(late=600.0)) == {"stale"}
    assert talk.market.detail == "Data from LMEX come 600 s late."
    assert talk.market.lag.above_minimum == pytest.approx(0)
    assert talk.market.lag.seconds == pytest.approx(600, abs=2)
    assert talk.market.has_book
    assert len(talk.market.history()) == 21


@pytest.mark.parametrize(("off", "said"), [(-600, "ahead of"), (600, "behind")])
def test_a_local_clock_that_is_off_is_live_with_a_note(off, said):
    talk = Talk(date=T0 + off * SECOND)
    talk.snapshot(T0 + off * SECOND)
    assert set(talk.states(late=float(-off))) == {"live"}
    assert talk.market.notes == (f"The clock of this computer is 600 s {said} LMEX's.",)
    assert talk.market.detail == talk.market.notes[0]


def test_undecided_is_stale_until_the_venue_has_said_the_time():
    talk = Talk(date=None)
    talk.snapshot(T0 - 600 * SECOND)
    assert names(talk.delta(late=600.0)) == ["Fetch"]
    assert talk.market.state == "stale"
    assert "LMEX has not said what time it is" in talk.market.detail
    assert talk.delta(late=600.0) == []  # it has been asked just now
    talk.market.fetched(TIME, 200, "[]", talk.now, talk.now - 600 * SECOND)
    talk.delta(late=600.0)
    assert talk.market.state == "live"


def test_in_a_recording_without_dates_a_clock_that_is_off_is_noted():
    talk = Talk(date=None, can_ask=False)
    talk.snapshot(T0 - 600 * SECOND)
    assert set(talk.states(late=600.0)) == {"live"}
    assert talk.market.notes == (
        "Event times are 600 s behind the times of receipt, and the recording does not say which "
        "clock was wrong.",
    )


def test_one_event_that_is_too_early_makes_none_after_it_late():
    talk = Talk()
    talk.snapshot()
    assert set(talk.states(5)) == {"live"}
    for early in (-8.0, -6.0):
        assert set(talk.states(1, late=early)) == {"live"}
        talk.states(90)  # event time that goes back is stale until it has caught up
        assert set(talk.states(5)) == {"live"}
    talk.states(3, late=-6.0)  # but a clock that was set makes the row earlier
    assert talk.market.lag.above_minimum == pytest.approx(0)
    assert set(talk.states(1, late=0.0)) == {"stale"}


def test_the_least_lag_is_found_anew_since_clocks_drift():
    talk = Talk()
    talk.snapshot()
    for hour in range(8):  # a second an hour
        assert set(talk.states(360, late=float(hour), step=10.0)) == {"live"}


def test_a_past_that_is_played_fast_is_not_late():
    venue = make_venue("sim", "BTC-PERP")
    talk = Talk()
    talk.market = Market(venue, interval=0)
    talk.market.fetched(SUMMARY, 200, lmex_summary(), T0, T0)
    talk.market.connected(BOOK, T0)
    assert talk.market.warming
    talk.snapshot(T0 - 300 * SECOND)
    for late in range(300, 1, -1):
        talk.delta(late=float(late), step=0.001)
        state = "syncing" if late > 2 else "live"
        assert (talk.market.state, talk.market.warming) == (state, late > 2)
        assert talk.market.has_book == (late <= 2)
    assert len(talk.market.history()) == 300, "it is kept all the same"
    talk.delta(late=8.0, step=10.0)
    assert talk.market.state == "stale"


# -- nothing ends the feed -----------------------------------------------------------------


@pytest.mark.parametrize("where", ["received", "apply_frame", "tick", "fetched"])
def test_what_raises_is_a_refused_frame_with_a_name_and_a_new_snapshot(where, monkeypatch, caplog):
    talk = Talk()
    talk.snapshot()

    def fail(*_):
        raise ZeroDivisionError("so")

    with monkeypatch.context() as patch:
        patch.setattr(talk.market.venue, where, fail)
        calls = {
            "received": lambda: talk.market.receive("{}", talk.now + 2 * SECOND),
            "apply_frame": lambda: talk.market.receive("{}", talk.now + 2 * SECOND),
            "tick": lambda: talk.market.tick(talk.now + 2 * SECOND),
            "fetched": lambda: talk.market.fetched(TIME, 200, "", talk.now + 2 * SECOND),
        }
        assert names(calls[where]()) == ["Send", "Send"]
    assert talk.market.refused["failed: ZeroDivisionError"] == 1
    assert talk.market.state == "gap"
    assert "(ZeroDivisionError: so)" in talk.market.detail
    assert "could not be used" in caplog.text
    talk.now += 3 * SECOND
    talk.snapshot()
    assert talk.market.state == "live"


def test_a_book_that_cannot_even_be_given_up_is_connected_to_anew(monkeypatch):
    talk = Talk()
    talk.snapshot()

    def fail(*_):
        raise ZeroDivisionError("so")

    with monkeypatch.context() as patch:
        patch.setattr(talk.market._writer, "append", fail)
        patch.setattr(talk.market._writer, "gap", fail)
        assert names(talk.delta()) == ["Reconnect"]
    assert (talk.market.state, levels_of(talk.market.book)) == ("gap", ({}, {}))


def test_a_book_that_is_lost_where_giving_it_up_fails_leaves_a_gap(monkeypatch):
    talk = Talk()
    talk.snapshot()

    def fail(*_):
        raise ZeroDivisionError("so")

    with monkeypatch.context() as patch:
        patch.setattr(talk.market.venue, "apply_frame", fail)
        patch.setattr(talk.market.venue, "resync", fail)
        assert names(talk.market.receive("{}", talk.now)) == ["Reconnect"]
    talk.now += 3 * SECOND
    talk.snapshot()
    talk.market.end("", "")
    history = talk.market.history()
    assert history.gaps == 1
    assert np.isnan(history.bid).tolist() == [False, True, False]


def test_names_of_refused_frames_are_bounded():
    talk = Talk()
    for number in range(300):
        talk.market.receive(json.dumps({"topic": f"kind{number}" + "x" * 1000}), talk.now)
    assert len(talk.market.refused) == 101
    assert talk.market.refused["other names"] == 200
    assert max(map(len, talk.market.refused)) <= 30
