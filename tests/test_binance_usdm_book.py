"""Binance USD-M's book: its snapshot, the events that continue it, and what breaks it."""

import json

import pytest
from exchange_tools import ASKS, BIDS, SECOND, levels_of, names, usdm_depth, usdm_snapshot
from usdm_tools import DEPTH_URL, connected, in_sync, read, waiting

from obi_widgets.feeds.market import Market
from obi_widgets.market_data.events import Delta, Refused, Snapshot, Splice, Status
from obi_widgets.market_data.venues.binance import SNAPSHOT
from obi_widgets.market_data.venues.replies import BOOK, Fetch, Reconnect

# -- the snapshot, and what continues it ---------------------------------------------------


def test_the_snapshot_is_asked_for_when_the_first_event_has_come_and_once():
    venue = connected()
    assert venue.received(usdm_depth(90, 110, 80), SECOND) == [
        Fetch(SNAPSHOT, DEPTH_URL, weight=20)
    ]
    assert venue.received(usdm_depth(115, 120, 110), SECOND) == []


def test_events_before_the_snapshot_are_played_over_it():
    events = [
        usdm_depth(80, 99, 70, [(99.0, 1)]),  # the snapshot has it already
        usdm_depth(100, 110, 99, [(98.0, 2)]),
        usdm_depth(115, 120, 110, [], [(100.5, 0)]),
    ]
    venue = waiting(*events)
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(105, BIDS, ASKS), 2 * SECOND)
    assert [output.sequence for output in outputs] == [105, 110, 120]
    assert outputs[0] == Snapshot(
        1_700_000_000_105 * 1_000_000,
        2 * SECOND,
        105,
        [(price, float(size)) for price, size in BIDS],
        [(price, float(size)) for price, size in ASKS],
        limit=1000,
    )
    assert outputs[1].bids == [(98.0, 2.0)]
    assert outputs[2].asks == [(100.5, 0.0)]
    assert outputs[2].time == 1_700_000_000_120 * 1_000_000


@pytest.mark.parametrize(
    ("first", "last", "previous", "follows"),
    [
        (90, 99, 80, []),  # older than the snapshot
        (90, 100, 80, ["Delta"]),
        (100, 105, 99, ["Delta"]),
        (103, 105, 100, ["Delta"]),  # directly continues it: pu is lastUpdateId
        (101, 105, 99, ["Status", "Fetch"]),
        (103, 105, 102, ["Status", "Fetch"]),
    ],
)
@pytest.mark.parametrize("buffered", [False, True])
def test_the_first_event_holds_the_snapshots_update_or_follows_it(
    first, last, previous, follows, buffered
):
    event = usdm_depth(first, last, previous)
    if not buffered:
        venue = waiting(usdm_depth(40, 50, 30))
        venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
        assert names(venue.received(event, 2 * SECOND)) == follows
        return
    venue = waiting(event)
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    older = ["snapshot older than what was seen", "Status", "Fetch"]  # another is asked for
    assert names(outputs) == (older if "Fetch" in follows else ["Snapshot", *follows])


@pytest.mark.parametrize("buffered", [False, True])
def test_an_event_that_ends_in_the_snapshots_update_changes_none_of_its_levels(buffered):
    # The snapshot holds it: where both differ, the event told something false.
    event = usdm_depth(90, 100, 80, [(100.0, 77), (99.7, 1)], ms=1_700_000_000_150)
    market = Market(waiting(event if buffered else usdm_depth(40, 50, 30)))
    read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    if not buffered:
        read(market, None, event, 2 * SECOND)
    assert (market.state, levels_of(market.book)) == ("live", (dict(BIDS), dict(ASKS[::-1])))
    read(market, None, usdm_depth(101, 110, 100, [(99.7, 2)]), 3 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.7]) == ("live", 2.0)


def test_a_snapshot_older_than_what_was_buffered_is_asked_for_again_and_the_events_kept():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 110))
    assert venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), 2 * SECOND) == [
        Refused(
            2 * SECOND,
            "snapshot older than what was seen",
            "it ends at update 70, and 120 had come before",
        ),
        Status(
            2 * SECOND,
            "syncing",
            "Binance USD-M sent a snapshot older than what was seen: "
            "it ends at update 70, and 120 had come before.",
            "Asking again in 1 s.",
        ),
        Fetch(SNAPSHOT, DEPTH_URL, SECOND, weight=20),
    ]
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(110, BIDS, ASKS), 3 * SECOND)
    assert names(outputs) == ["Snapshot", "Delta", "Delta"]


def test_a_break_among_what_was_buffered_keeps_the_rest_for_the_next_snapshot():
    venue = waiting(usdm_depth(90, 110, 80), usdm_depth(115, 120, 112), usdm_depth(125, 130, 120))
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    assert names(outputs) == ["snapshot older than what was seen", "Status", "Fetch"]
    outputs = venue.fetched(SNAPSHOT, 200, usdm_snapshot(127, BIDS, ASKS), 4 * SECOND)
    assert [output.sequence for output in outputs] == [127, 130]


def test_an_event_continues_the_one_before_by_its_pu_alone():
    market = in_sync()
    read(market, None, usdm_depth(500, 510, 120, [(99.0, 1)]), 3 * SECOND)
    assert levels_of(market.book)[0][99.0] == 1.0


@pytest.mark.parametrize("previous", [119, 121, 110])
def test_an_event_that_does_not_follow_throws_the_book_away(previous):
    market = in_sync()
    replies = read(market, None, usdm_depth(121, 130, previous), 3 * SECOND)
    assert replies == [Fetch(SNAPSHOT, DEPTH_URL, SECOND, weight=20)]
    assert market.state == "gap"
    assert market.detail == "The book was thrown away: event 130 does not follow 120."
    assert market.advice == "Asking for a new one."
    assert levels_of(market.book) == ({}, {})


def test_older_snapshots_are_asked_for_again_later_and_later_and_then_the_connection_is_new():
    venue, waits = waiting(usdm_depth(90, 110, 80)), []
    for now in (2, 4, 8, 16):
        *_, again = venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), now * SECOND)
        waits.append(again.delay // SECOND)
    assert waits == [1, 2, 4, 8]
    *_, last = venue.fetched(SNAPSHOT, 200, usdm_snapshot(70), 32 * SECOND)
    assert last == Reconnect(BOOK, "snapshot older than what was seen")


def test_what_was_seen_counts_after_a_gap():
    market = in_sync()
    read(market, None, usdm_depth(131, 140, 130), 3 * SECOND)
    assert market.state == "gap"
    for update in (120, 129):  # between, an event is missing
        read(market, SNAPSHOT, usdm_snapshot(update, BIDS, ASKS), 5 * SECOND)
        assert (market.state, levels_of(market.book)) == ("syncing", ({}, {}))
    assert market.refused["snapshot older than what was seen"] == 2
    read(market, SNAPSHOT, usdm_snapshot(135, BIDS, ASKS), 6 * SECOND)
    assert (market.state, market.venue._chain.last) == ("live", 140)


def test_after_an_unreadable_frame_a_snapshot_waits_for_an_event_that_continues_it():
    market = in_sync()
    assert names(read(market, None, "garbage", 3 * SECOND)) == ["Fetch"]
    assert read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND) == []
    assert market.state == "gap"  # the frame may have been an event after 120
    read(market, None, usdm_depth(121, 130, 120, [(99.0, 5)]), 6 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.0]) == ("live", 5.0)


def test_after_an_unreadable_event_a_snapshot_before_it_is_no_book():
    market = in_sync()
    read(market, None, usdm_depth(121, 130, 120)[:-5], 3 * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND)
    replies = read(market, None, usdm_depth(131, 140, 130), 6 * SECOND)
    assert market.refused["snapshot older than what was seen"] == 1
    assert names(replies) == ["Fetch"]
    read(market, SNAPSHOT, usdm_snapshot(138, BIDS, ASKS), 6 * SECOND)
    assert market.state == "live"


@pytest.mark.parametrize("told", [10**12, 9_000])
def test_three_events_in_a_row_count_for_more_than_a_greater_update_that_one_told_of(told):
    market = in_sync()
    damaged = usdm_depth(121, told, 120, ms=1_700_000_000_121)
    read(market, None, damaged, 3 * SECOND)
    read(market, None, usdm_depth(131, 140, 130), 4 * SECOND)
    assert market.state == "gap"
    assert read(market, SNAPSHOT, usdm_snapshot(138, BIDS, ASKS), 5 * SECOND) == []
    read(market, None, usdm_depth(141, 150, 140), 5 * SECOND)
    assert market.state == "gap"
    read(market, None, usdm_depth(151, 160, 150, [(99.0, 5)]), 5 * SECOND)
    assert (market.state, levels_of(market.book)[0][99.0]) == ("live", 5.0)


def test_ids_that_begin_anew_on_a_connection_make_a_new_book_and_no_snapshot_of_before_does():
    market = in_sync()
    read(market, None, usdm_depth(121, 6, 120), 3 * SECOND)  # half of it was numbered anew
    for last in (16, 26, 36):
        read(market, None, usdm_depth(last - 9, last, last - 10), 4 * SECOND)
    read(market, SNAPSHOT, usdm_snapshot(120, BIDS, ASKS), 5 * SECOND)  # of before
    read(market, None, usdm_depth(37, 46, 36), 5 * SECOND)
    assert market.state == "gap"
    read(market, SNAPSHOT, usdm_snapshot(40, BIDS, ASKS, ms=1_700_000_000_200), 6 * SECOND)
    read(market, None, usdm_depth(47, 56, 46, ms=1_700_000_000_300), 6 * SECOND)
    assert (market.state, market.venue._chain.last) == ("live", 56)


def test_a_snapshot_of_before_the_ids_began_anew_is_no_book_though_its_update_is_greater():
    begun = 1_700_000_050_000
    market = Market(waiting(usdm_depth(1, 10, 0, ms=begun)))
    before = usdm_snapshot(900, BIDS, ASKS, ms=begun - 1)
    assert read(market, SNAPSHOT, before, SECOND) == []
    for last in (20, 30):
        read(market, None, usdm_depth(last - 9, last, last - 10, ms=begun + last), SECOND)
    assert market.state != "live"
    right = usdm_snapshot(25, [(99.0, 1)], ASKS, ms=begun + 25)
    read(market, SNAPSHOT, right, 2 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 99.0)


def test_a_book_that_events_of_a_later_time_and_lesser_ids_follow_is_of_ids_before_theirs():
    market = Market(waiting(usdm_depth(90, 110, 80)))
    read(market, SNAPSHOT, usdm_snapshot(900, BIDS, ASKS), 2 * SECOND)
    read(market, None, usdm_depth(111, 120, 110, ms=1_700_000_001_900), 2 * SECOND)
    assert market.state == "live"  # it may be in the snapshot
    read(market, None, usdm_depth(121, 130, 120, ms=1_700_000_001_901), 2 * SECOND)
    assert market.detail == "The book was thrown away: event 130 does not follow 900."
    right = usdm_snapshot(125, [(99.0, 1)], ASKS, ms=1_700_000_001_901)
    read(market, SNAPSHOT, right, 3 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 99.0)


def test_a_slow_answer_of_before_a_second_bad_frame_is_used_with_all_events_since():
    market = in_sync()
    read(market, None, "garbage", 3 * SECOND)
    for last in (130, 140, 150):
        read(market, None, usdm_depth(last - 9, last, last - 10, [(last, 1)]), 3 * SECOND)
    assert read(market, None, "garbage", 4 * SECOND) == []  # that answer is still awaited
    read(market, SNAPSHOT, usdm_snapshot(130, [(90, 1)], [(200, 1)]), 5 * SECOND)
    assert market.state == "gap"
    read(market, None, usdm_depth(151, 160, 150), 6 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 150.0)


# -- a snapshot for a book in sync ---------------------------------------------------------


def refreshed(now=20 * SECOND):
    market = in_sync()
    assert market.venue.refresh(now) == [Fetch(SNAPSHOT, DEPTH_URL, weight=20)]
    return market


def test_a_refresh_is_asked_for_once_and_every_5_s_at_most():
    market = refreshed()
    assert market.venue.refresh(21 * SECOND) == []
    assert names(market.venue.fetched(SNAPSHOT, 200, usdm_snapshot(105), 21 * SECOND)) == ["Splice"]
    assert market.venue.refresh(25 * SECOND - 1) == []
    assert market.venue.refresh(25 * SECOND) == [Fetch(SNAPSHOT, DEPTH_URL, weight=20)]
    market.venue.resync("so", 31 * SECOND)
    assert market.venue.refresh(50 * SECOND) == []  # without a book there is nothing to widen


def test_a_splice_is_the_snapshot_and_every_event_since():
    venue = refreshed().venue
    venue.received(usdm_depth(121, 130, 120, [(99.0, 5)]), 21 * SECOND)
    (splice,) = venue.fetched(SNAPSHOT, 200, usdm_snapshot(115, BIDS, ASKS), 22 * SECOND)
    assert isinstance(splice, Splice)
    assert (splice.snapshot.sequence, splice.snapshot.limit) == (115, 1000)
    assert [delta.sequence for delta in splice.deltas] == [120, 130]
    assert splice.deltas[1].bids == [(99.0, 5.0)]
    assert names(venue.received(usdm_depth(131, 140, 130), 23 * SECOND)) == ["Delta"]


def test_a_snapshot_newer_than_the_newest_event_waits_for_those_that_reach_it():
    venue = refreshed().venue
    assert venue.fetched(SNAPSHOT, 200, usdm_snapshot(135, BIDS, ASKS), 21 * SECOND) == []
    assert names(venue.received(usdm_depth(121, 130, 120), 22 * SECOND)) == ["Delta"]
    delta, splice = venue.received(usdm_depth(131, 140, 130), 22 * SECOND)
    assert isinstance(delta, Delta)
    assert [one.sequence for one in splice.deltas] == [140]
    assert names(venue.received(usdm_depth(141, 150, 140), 22 * SECOND)) == ["Delta"]


@pytest.mark.parametrize(("ms", "best"), [(2_000, 100.0), (4_000, 98.0), (90_000, 100.0)])
def test_a_snapshot_seconds_newer_than_the_newest_event_is_the_book(ms, best):
    market = refreshed()
    for number in range(13, 43):
        event = usdm_depth(10 * number - 9, 10 * number, 10 * number - 10)
        read(market, None, event, 20 * SECOND + number * SECOND // 10)
        market.tick(20 * SECOND + number * SECOND // 10)
    newer = usdm_snapshot(900, [(98.0, 1)], ASKS, ms=1_700_000_000_420 + ms)
    read(market, SNAPSHOT, newer, 25 * SECOND)
    assert market.book.bids.best == best
    read(market, None, usdm_depth(421, 430, 420), 25 * SECOND)  # one that was stuck
    assert market.book.bids.best == best


@pytest.mark.parametrize(
    ("status", "body", "name"),
    [
        (200, usdm_snapshot(70), "snapshot older than what was seen"),
        (429, "", "snapshot not answered"),
        (0, "timed out", "snapshot not answered"),
        (200, "<html>", "unreadable snapshot"),
        (200, '{"a":' + "[" * 100_000, "unreadable snapshot"),
    ],
)
def test_a_refresh_that_comes_to_nothing_leaves_the_book_live_and_is_tried_again(
    status, body, name
):
    market = refreshed()
    waits = []
    for now in (21, 24, 30):
        outputs = market.venue.fetched(SNAPSHOT, status, body, now * SECOND)
        (again,) = market.handle(outputs, now * SECOND)
        waits.append(again.delay // SECOND)
        assert (market.state, market.refused[name]) == ("live", len(waits))
    assert waits == [1, 2, 4]
    assert market.book.bids.best == 100.0


def test_a_snapshot_that_nobody_asked_for_counts_when_events_confirm_it():
    market = in_sync()
    agreeing = usdm_snapshot(110, BIDS, ASKS)
    assert names(market.venue.fetched(SNAPSHOT, 200, agreeing, 3 * SECOND)) == ["Splice"]
    assert names(market.venue.received(agreeing, 3 * SECOND)) == ["Splice"]
    assert market.venue.fetched(SNAPSHOT, 500, "", 3 * SECOND) == []
    old = market.venue.received(usdm_snapshot(70), 3 * SECOND)
    assert names(old) == ["snapshot older than what was seen"]


def test_a_bare_snapshot_waits_until_an_event_confirms_it():
    market = Market(connected())
    read(market, None, usdm_snapshot(100, BIDS, ASKS), SECOND)
    assert market.state != "live"
    read(market, None, usdm_depth(70, 80, 60, [(99.5, 7)]), 2 * SECOND)
    assert market.state != "live"
    read(market, None, usdm_depth(81, 105, 80, [(100.0, 9)]), 2 * SECOND)
    assert (market.state, levels_of(market.book)[0][100.0]) == ("live", 9.0)


def test_a_snapshot_of_another_symbol_is_not_taken_though_its_number_fits():
    # Update ids are counted over all symbols, and a snapshot does not say whose it is.
    market = Market(connected())
    for first, size in ((70, 3), (80, 5)):
        read(market, None, usdm_depth(first, first + 9, first - 1, [(100.0, size)]), SECOND)
    read(market, None, usdm_snapshot(89, [(60_000, 1)], [(60_001, 1)]), SECOND)
    assert market.state != "live"
    read(market, None, usdm_snapshot(89, [(100.0, 4)], ASKS), SECOND)
    assert market.refused["snapshot of another book"] == 1
    read(market, None, usdm_snapshot(89, [(100.0, 5)], ASKS), SECOND)
    read(market, None, usdm_depth(90, 99, 89, [(100.0, 6)]), SECOND)
    assert (market.state, levels_of(market.book)[0]) == ("live", {100.0: 6.0})


def test_a_snapshot_that_comes_after_the_connection_was_lost_is_not_a_book():
    # Nothing would continue it, and it would stand there as live until the next connection.
    market = Market(waiting(usdm_depth(90, 110, 80)))
    market.handle(market.venue.disconnected(BOOK, "it was closed", 2), 2)
    assert read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 3) == []
    assert market.state == "connecting"
    assert market.detail == "The connection to Binance USD-M was lost: it was closed."


def test_a_snapshot_that_does_not_come_is_asked_for_again():
    venue = waiting(usdm_depth(90, 110, 80))
    venue.received(usdm_depth(115, 120, 110), 11 * SECOND)
    assert venue.tick(11 * SECOND) == []
    assert venue.tick(11 * SECOND + 1) == [Fetch(SNAPSHOT, DEPTH_URL, weight=20)]


def test_unreadable_frames_ask_for_one_snapshot_until_it_comes():
    market = in_sync()
    asked = []
    for step in range(40):
        now = 3 * SECOND + step * SECOND // 10
        asked += [now for reply in read(market, None, "<html>", now) if reply.name == SNAPSHOT]
        assert market.state == "gap"
    assert asked == [3 * SECOND]
    assert market.refused["unreadable"] == 40


def test_a_book_that_each_snapshot_breaks_is_asked_for_later_and_later():
    market, waits, now = in_sync(), [], 3 * SECOND
    crossed = usdm_snapshot(200, [(200.0, 1)], ASKS)
    replies = read(market, None, usdm_depth(131, 140, 130), now)
    for _ in range(9):
        (again,) = replies
        waits.append(again.delay // SECOND)
        now += again.delay
        replies = read(market, SNAPSHOT, crossed, now)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert market.advice == ("Asking for a new one in 60 s, because the last ones were wrong too.")


@pytest.mark.parametrize("price", ["nan", "-1", "inf", "1O0"])
def test_a_price_that_cannot_be_is_unreadable(price):
    market = in_sync()
    read(market, None, usdm_depth(500, 510, 120, [(price, 1)]), 3 * SECOND)
    assert (market.state, market.refused["unreadable"]) == ("gap", 1)


def test_a_crossed_book_is_thrown_away_with_what_was_buffered_after_it():
    market = Market(waiting(usdm_depth(90, 110, 80, [(200.0, 1)]), usdm_depth(115, 120, 110)))
    replies = read(market, SNAPSHOT, usdm_snapshot(100, BIDS, ASKS), 2 * SECOND)
    assert names(replies) == ["Fetch"]
    assert (market.state, levels_of(market.book)) == ("gap", ({}, {}))
    assert market.detail == "The book was thrown away: best bid 200 is not below ask 100.5."


def test_no_new_book_is_made_with_the_event_that_crossed_the_last_one():
    # Over a snapshot of its midst it need not cross, and would leave its false level there.
    market = in_sync()
    read(market, None, usdm_depth(121, 130, 120, [(100.7, 5)]), 3 * SECOND)
    assert market.state == "gap"
    midst = usdm_snapshot(125, BIDS, [(101.0, 3)])
    assert read(market, SNAPSHOT, midst, 4 * SECOND) == []
    read(market, None, usdm_depth(131, 140, 130), 4 * SECOND)
    assert market.state == "syncing"
    assert market.refused["snapshot older than what was seen"] == 1
    read(market, SNAPSHOT, usdm_snapshot(130, BIDS, [(101.0, 3)]), 5 * SECOND)
    assert (market.state, market.book.bids.best) == ("live", 100.0)


@pytest.mark.parametrize("spaces", [(",", ":"), (", ", ": ")], ids=["compiled", "in Python"])
def test_an_event_time_far_ahead_is_not_believed(spaces):
    # Event time never goes back in a history: one such state would hold it there.
    market = in_sync()
    day = 86_400_000
    frame = json.loads(usdm_depth(121, 130, 120, [(99.0, 5)]))
    frame["data"]["T"] += day
    read(market, None, json.dumps(frame, separators=spaces), 3 * SECOND)
    assert market.state == "gap"
    assert market.detail == (
        "The book was thrown away: event time went 86,399 s ahead of this computer's clock."
    )
    # After a night of silence it is: both clocks have gone on.
    market = in_sync()
    read(market, None, json.dumps(frame, separators=spaces), 3 * SECOND + day * 1_000_000)
    assert market.state == "live"
