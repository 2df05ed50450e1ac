"""The health of feeds: every figure worked out by hand, or by a plain loop."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from exchange_tools import SECOND, lmex_summary
from given_tools import books, frame_of
from session_tools import following, wait_for
from test_clocks import T0, Talk

import obi_widgets as obi
from obi_widgets.feeds.health.durations import Counts, of_ages, of_events
from obi_widgets.feeds.health.monitor import NO_LAG, Monitor
from obi_widgets.feeds.health.timeline import KEPT, Timeline
from obi_widgets.feeds.recording.lines import Record, decode, encode
from obi_widgets.market_data.venues.lmex import SUMMARY
from obi_widgets.market_data.venues.replies import BOOK

MS = SECOND // 1000


# -- percentiles ---------------------------------------------------------------------------


def test_percentiles_of_lags_are_right_within_a_hundredth():
    rng = np.random.default_rng(4)
    lags = np.exp(rng.normal(17, 2, 20_000)).astype(np.int64)
    values, counts = Counts.of(lags).longer_by(0)
    found = of_events(values, counts, float(lags.max()))
    for fraction, one in zip((0.5, 0.95, 0.99), found, strict=False):
        true = np.sort(lags)[math.ceil(fraction * len(lags)) - 1] / 1e9
        assert one == pytest.approx(true, rel=0.0101, abs=0.00005)
    assert found.worst == lags.max() / 1e9


def test_an_age_is_that_of_any_moment_and_not_of_any_change():
    # Changes after 1 s, 1 s and 8 s: of ten seconds, the book is up to 1 s old for three.
    found = of_ages(Counts.of(np.array([SECOND, SECOND, 8 * SECOND])), 8e9)
    assert found.worst == 8.0
    assert found.median == pytest.approx(3.0)  # 1 + 1 + 3 of 10 seconds
    assert found.p95 == pytest.approx(7.5)
    assert found.p99 == pytest.approx(7.9)


def test_ages_agree_with_a_book_that_is_looked_at_all_the_time():
    rng = np.random.default_rng(5)
    between = (rng.exponential(0.05, 3000) * 1e9).astype(np.int64)
    looked = np.arange(0, between.sum(), 200_000)
    at = np.concatenate([[0], np.cumsum(between)])
    ages = (looked - at[np.searchsorted(at, looked, "right") - 1]) / 1e9
    found = of_ages(Counts.of(between), float(between.max()))
    for fraction, one in zip((0.5, 0.95, 0.99), found, strict=False):
        assert one == pytest.approx(np.quantile(ages, fraction), rel=0.012)


def test_a_lag_is_above_the_smallest_of_all_although_that_was_learnt_late():
    monitor = Monitor()
    monitor.look(SECOND, 0, NO_LAG, 0, 0)
    lags = [50, 60, 70, 20, 30, 20]  # ms; the smallest comes in the second part
    for n, lag in enumerate(lags):
        monitor.changes += [lag * MS, (2 + n) * SECOND]
        if n == 2:
            monitor.lost(5 * SECOND, 0, NO_LAG)
    found = monitor.spreads(9 * SECOND, 0, 20 * MS, open_book=False)
    # Above 20: 0 0 10 30 40 50.
    assert found.lag.median == pytest.approx(0.010, rel=0.02, abs=0.0001)
    assert found.lag.p95 == found.lag.worst == 0.050
    assert found.clock.high == 0.020
    assert found.changes == 6


# -- a feed with faults --------------------------------------------------------------------


def ticked(talk, seconds):
    """Let time pass in which nothing comes."""
    for _ in range(round(seconds / 0.02)):
        talk.now += 20 * MS
        talk.market.tick(talk.now)


def test_the_figures_of_a_feed_with_faults_are_those_by_hand():
    talk = Talk()
    ticked(talk, 2)  # connected, and nothing comes
    talk.snapshot()  # at T0 + 2 s
    for n in range(40):  # every 0.1 s, late by 10 ms, and each tenth by 110 ms
        talk.delta(late=0.110 if n % 10 == 9 else 0.010)
    lost_at = talk.now = talk.now + 500 * MS  # at T0 + 6.5 s
    talk.market.disconnected(BOOK, "closed (1006)", talk.now)
    ticked(talk, 3)
    talk.market.connected(BOOK, talk.now)
    ticked(talk, 1)
    again_at = talk.now  # T0 + 10.5 s
    talk.snapshot()
    for _ in range(20):
        talk.delta(late=0.010)
    health = talk.market.health(talk.now + 250 * MS)

    assert (lost_at, again_at) == (T0 + 6500 * MS, T0 + 10_500 * MS)
    assert [(one.state, round(one.seconds, 3)) for one in health.stretches] == [
        ("starting", 2.0), ("live", 4.5), ("gap", 4.0), ("live", 2.25),
    ]  # fmt: skip
    assert (health.gaps.count, health.gaps.seconds, health.gaps.longest) == (1, 4.0, 4.0)
    assert "closed (1006)" in health.gaps.last.reason
    assert health.gaps.last[1:3] == (lost_at, again_at)
    assert health.stale == obi.Interruptions()
    assert (health.state, health.since, health.resyncs) == ("live", again_at, 1)
    assert health.seconds == 12.75
    assert health.live_share == pytest.approx(6.75 / 12.75)
    assert health.messages == 62  # two snapshots, 40 and 20 changes
    assert health.changes == 62
    # Lags above the smallest: 56 of 0 and 4 of 100 ms, of 60.
    assert health.lag.median == pytest.approx(0, abs=0.0001)
    assert health.lag.p95 == health.lag.p99 == health.lag.worst == 0.1
    assert health.clock.high == 0.01
    # With a book: 4.5 s of 40 × 0.1 and 0.5, then 20 × 0.1 and 0.25. 95 % of 6.75 s.
    assert health.age.worst == 0.5
    assert health.age.median == pytest.approx((3.375) / 62, rel=0.01)
    assert health.book_age == pytest.approx(0.25)
    assert not health.refused
    assert "1 gap of 4 s in all" in repr(health)


def test_refused_frames_are_told_by_name_with_what_the_last_said():
    talk = Talk()
    talk.snapshot()
    for _ in range(3):
        talk.market.receive('{"topic":"weather:BTC-PERP","data":1}', talk.now)
    health = talk.market.health(talk.now)
    assert [(one.name, one.count) for one in health.refused] == [("weather", 3)]
    assert "weather:BTC-PERP" in health.refused[0].detail


def test_the_rate_and_the_peak_are_those_of_whole_seconds():
    talk = Talk()
    talk.snapshot()
    start = talk.now
    size = 0
    for second in range(40):
        for n in range(30 if second == 17 else 5):
            talk.now = start + second * SECOND + (n + 1) * 10 * MS
            talk.market.tick(talk.now)
            before = talk.market.bytes
            talk.frame("delta", talk.now, [(100.0, 1 + n % 3)], [])
            size += talk.market.bytes - before
    talk.now = start + 40 * SECOND
    talk.market.tick(talk.now)
    health = talk.market.health(talk.now)
    assert health.messages == 1 + 39 * 5 + 30
    assert health.peak_per_second == 30
    assert health.messages_per_second == 5
    assert health.rates == pytest.approx([5.1, 7.5, 5, 5])  # the snapshot, and the peak
    assert health.bytes_per_second == pytest.approx(5 * size / (39 * 5 + 30), rel=0.02)


def test_a_clock_that_is_set_breaks_no_length_and_forgets_its_bounds():
    talk = Talk()
    talk.snapshot()
    talk.states(20, late=0.02)
    talk.market.clock_was_set(3600 * SECOND)
    talk.now += 3600 * SECOND
    health = talk.market.health(talk.now)
    assert health.seconds == 2.0
    assert math.isnan(health.clock.high)
    assert health.stretches[-1].end == talk.now
    assert health.stretches[-1].begin == talk.now - 2 * SECOND
    assert health.lag.worst == 0


def test_the_clock_is_bounded_by_the_time_of_answers_and_of_events():
    talk = Talk(date=T0)  # its first answer came at T0, to a request of T0, and said T0
    talk.snapshot()
    talk.states(5, late=0.03)
    clock = talk.market.health(talk.now).clock
    assert clock == (-1.0, 0.03)  # the header has whole seconds


def test_an_answer_that_came_late_bounds_the_clock_by_its_request_and_by_no_other():
    talk = Talk(date=T0)
    later = T0 + 1800 * SECOND
    record = Record(later, "answer", SUMMARY, lmex_summary(), 200, later - SECOND, took=2 * SECOND)
    for took, low in ((None, -1.0), (2 * SECOND, -1.0), (SECOND // 2, -0.5)):
        record._replace(took=took).apply(talk.market)
        assert talk.market.health(later).clock.low == low


def test_a_recording_does_not_bound_the_clock_by_requests_of_others():
    record = Record(T0, "answer", SUMMARY, lmex_summary(), 200, T0, took=0)
    talk = Talk(date=T0, took=decode(encode(record), T0 + 1).took)
    talk.snapshot()
    talk.states(5, late=0.03)
    health = talk.market.health(talk.now)
    assert math.isnan(health.clock.low)
    assert any("other side" in one for one in health.unknown)


# -- what is kept --------------------------------------------------------------------------


def test_many_interruptions_are_counted_although_few_are_kept():
    timeline = Timeline()
    timeline.turn("live", "", 0)
    for n in range(2 * KEPT):
        timeline.turn("gap", f"loss {n}", (10 * n + 5) * SECOND)
        timeline.turn("syncing", "asked again", (10 * n + 6) * SECOND)
        timeline.turn("live", "", (10 * n + 7) * SECOND)
    now = 20 * KEPT * SECOND
    gaps = timeline.interruptions("gap", now, 0)
    assert (gaps.count, gaps.seconds, gaps.longest) == (2 * KEPT, 4.0 * KEPT, 2.0)
    assert gaps.last.reason == f"loss {2 * KEPT - 1}"
    assert len(timeline.stretches(now, 0)) == KEPT


def test_what_is_kept_does_not_grow():
    monitor = Monitor()
    rng = np.random.default_rng(0)
    monitor.look(SECOND, 0, 0, 0, 0)
    for second in range(2, 3 * 3600):
        monitor.changes += [int(rng.integers(10, 90)) * MS, second * SECOND]
        monitor.look(second * SECOND, 0, 10 * MS, second, 100 * second)
    assert len(monitor._parts) <= 14
    assert len(monitor._pieces) <= 400
    found = monitor.spreads(3 * 3600 * SECOND, 0, 10 * MS, open_book=True)
    assert found.changes == 3 * 3600 - 2
    assert 3600 <= sum(part.lags.counts.sum() for part in monitor._parts) <= 4200


def test_what_is_kept_does_not_grow_of_a_quiet_market_that_is_lost_each_minute():
    # Each loss counts the changes, so that a look finds too few of them, and none is due.
    monitor = Monitor()
    monitor.look(SECOND, 0, 0, 0, 0)
    for second in range(2, 3 * 3600):
        monitor.changes += [10 * MS, second * SECOND]
        monitor.look(second * SECOND, 0, 10 * MS, second, 100 * second)
        if second % 60 == 0:
            monitor.lost(second * SECOND, 0, 10 * MS)
    assert len(monitor._parts) <= 14
    assert len(monitor._pieces) <= 400
    assert 3600 <= sum(part.lags.counts.sum() for part in monitor._parts) <= 4200


# -- every kind of source ------------------------------------------------------------------


def test_a_simulated_market_is_healthy_and_its_past_counts_for_nothing():
    with following("sim:BTC-PERP", seed=3, warmup=30) as session:
        session.wait(300)
        wait_for(lambda: session.market.state == "live", "live data")
        wait_for(lambda: math.isfinite(session.health().age.median), "an age")
        health = session.health()
    assert (health.kind, health.market) == ("simulated", "sim:BTC-PERP")
    assert health.lag.worst < health.lag_limit  # the past would be late by half a minute
    assert health.clock.low <= 0 <= health.clock.high + 0.05
    assert health.used_bps > 0
    assert min(health.known_bps) > 0
    assert health.inferred_share == 0


@pytest.mark.slow
def test_a_recording_has_the_health_that_the_market_had(tmp_path):
    path = obi.record("sim:BTC-PERP", tmp_path / "capture.gz", seconds=3, seed=1)
    with following(path, speed=None) as session:
        session.start()
        wait_for(lambda: session.market.state == "closed", "the end")
        health = session.health()
        assert health.messages == session.feed.messages
        assert health.bytes > 100 * health.messages
        assert session.health() == session.health() or health.time == session.health().time
    assert (health.kind, health.state) == ("recording", "closed")
    assert health.reason.startswith("The recording has ended.")
    assert health.changes > 0
    assert health.unused == session.market.unused


def test_a_history_tells_its_gaps_and_lags_and_what_it_cannot_know():
    time = T0 + np.arange(10) * SECOND
    lags = np.array([20, 20, 30, 20, 20, 20, 20, 20, 120, 20]) * MS
    bid, ask = np.full(10, 100.0), np.full(10, 101.0)
    bid[[3, 4, 7]] = ask[[3, 4, 7]] = np.nan
    one = np.full((10, 1), 1.0)
    history = obi.History.from_arrays(
        time, bid[:, None], one, ask[:, None], one, received_ns=time + lags
    )
    with following(history) as session:
        health = session.health()
    assert [(s.state, s.begin - T0, s.end - T0) for s in health.stretches] == [
        ("live", 20 * MS, 3020 * MS), ("gap", 3020 * MS, 5020 * MS),
        ("live", 5020 * MS, 7020 * MS), ("gap", 7020 * MS, 8120 * MS),
        ("live", 8120 * MS, 9020 * MS),
    ]  # fmt: skip
    assert (health.gaps.count, health.gaps.seconds, health.gaps.longest) == (2, 3.1, 2.0)
    assert health.live_share == pytest.approx(5.9 / 9)
    assert (health.lag.median, health.lag.worst) == (0.0, 0.1)  # above 20 ms, of seven with a book
    assert math.isnan(health.messages)
    assert math.isnan(health.resyncs)
    assert any("messages" in sentence for sentence in health.unknown)


def test_a_frame_and_given_books_say_that_their_lag_is_not_known():
    for source, kind in ((frame_of(30), "history"), (books(30), "given")):
        with following(source) as session:
            session.start()
            wait_for(lambda: session.market.state == "closed", "the end")
            health = session.health()
        assert health.kind == kind
        assert math.isnan(health.lag.median)
        assert math.isnan(health.bytes)
        assert any("lag is not known" in sentence for sentence in health.unknown)


def test_given_books_with_a_time_of_receipt_have_a_lag():
    feed = obi.Feed("MY:MARKET")
    with following(feed) as session:
        session.start()
        for n, (time, bids, asks) in enumerate(books(50)):
            feed.book(time, bids, asks, received=time + (5 if n % 10 else 25) * MS)
        wait_for(lambda: session.market.messages == 50, "the books")
        feed.book(*next(books(1)))  # older than the newest
        health = session.health()
    assert health.lag.median == pytest.approx(0, abs=0.0001)
    assert health.lag.worst == pytest.approx(0.02)
    assert health.messages == 51
    assert [one.name for one in health.refused] == ["older than the newest"]


# -- as values -----------------------------------------------------------------------------


def test_it_is_a_row_and_does_not_change():
    talk = Talk()
    talk.snapshot()
    talk.states(10)
    first = talk.market.health(talk.now)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.state = "gap"
    talk.states(10)
    second = talk.market.health(talk.now)
    assert (first.messages, second.messages) == (11, 21)
    table = pd.concat([first.to_frame(), second.to_frame()])
    assert table.messages.tolist() == [11, 21]
    assert table.index.tz is not None
    assert table.index[0] == pd.Timestamp(first.time, tz="UTC")
    assert table.lag_p99_s.dtype == float
    stretches = pd.DataFrame(second.stretches)
    assert stretches.columns.tolist() == ["state", "begin", "end", "reason"]


def test_states_that_a_slow_function_missed_are_told():
    with following("sim:BTC-PERP", seed=3, warmup=5) as session:
        session._listeners._left_out = 7
        session.publisher.left_out = 3
        health = session.health()
    assert (health.left_out_states, health.left_out_frames) == (7, 3)
