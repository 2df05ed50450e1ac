"""Files of one recording that follow one another: one history, whose gaps are the outages."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from days_tools import MS, connection, gaps, recorded, time_of
from exchange_tools import SECOND, usdm_depth, usdm_snapshot
from recording_tools import write
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.errors import RecordingError
from obi_widgets.feeds.recording import Record
from obi_widgets.market_data.venues import VENUES


def alone(tmp_path, *args, **how):
    """Return the history of one connection that was never interrupted."""
    return obi.load(write(tmp_path / "alone.gz", connection(*args, **how)), interval=0)


def with_gaps(*args, **how):
    """Load a recording of which something is missing, which a warning says."""
    with pytest.warns(obi.RecordingWarning, match="There is no book for"):
        return obi.load(*args, **how)


def ids(history):
    return np.asarray(history.trades.id).tolist()


@pytest.mark.parametrize("late", [1 * MS, 5 * MS, 30 * MS, 200 * MS])
def test_where_two_files_overlap_nothing_shows(tmp_path, late):
    files = recorded(tmp_path / "data", connection(10, 400), connection(340, 800, late=late))
    whole = alone(tmp_path, 10, 800)
    joined = obi.load(files, interval=0)
    assert joined.gaps == 0
    assert joined.sha256() == whole.sha256()
    assert ids(joined) == ids(whole) == list(range(12, 801, 3))


def test_many_files_are_one_history(tmp_path):
    cuts = range(10, 2000, 240)
    files = recorded(
        tmp_path / "data",
        *(
            connection(first, last + 60, late=(3 + number % 4) * MS)
            for number, (first, last) in enumerate(itertools.pairwise(cuts))
        ),
    )
    joined = obi.load(tmp_path / "data", interval=0)
    whole = alone(tmp_path, 10, cuts[-1] + 60)
    assert len(files) == 8
    assert joined.sha256() == whole.sha256()
    assert ids(joined) == ids(whole)


def test_a_replay_joins_them_too(tmp_path):
    older, newer = connection(10, 400), connection(340, 800)
    recorded(tmp_path / "data", older, newer)
    session = obi.Session(tmp_path / "data", speed=None, interval=0)
    try:
        session.start()
        wait_for(lambda: session.market.state == "closed")
        history, messages = session.history, session.market.messages
    finally:
        session.close()
    assert history.sha256() == alone(tmp_path, 10, 800).sha256()
    used = older + [one for one in newer if one.time > older[-1].time]
    assert messages == sum(one.kind == "frame" for one in used)


def test_each_file_is_a_history_by_itself(tmp_path):
    first, second = recorded(tmp_path / "data", connection(10, 400), connection(340, 800))
    assert len(obi.load(first, interval=0)) == 391
    assert len(obi.load(second, interval=0)) == 461


def test_an_interruption_is_a_gap_from_the_last_state_to_the_next_snapshot(tmp_path):
    recorded(tmp_path / "data", connection(10, 400), connection(500, 800), connection(801, 900))
    history = with_gaps(tmp_path / "data", interval=0)
    assert gaps(history) == [
        (time_of(400), time_of(500)),
        (time_of(800), time_of(801)),
    ]
    kept = [*range(10, 401), *range(500, 801), *range(801, 901)]
    assert history.time[~np.isnan(history.bid)].tolist() == [time_of(number) for number in kept]


def test_a_file_whose_book_begins_after_the_other_ended_is_a_gap(tmp_path):
    """Both were connected at once, but the newer one got its snapshot too late."""
    newer = connection(340, 340)[:-1] + connection(450, 800)[4:]
    recorded(tmp_path / "data", connection(10, 400), newer)
    history = with_gaps(tmp_path / "data", interval=0)
    assert gaps(history) == [(time_of(400), time_of(450))]


@pytest.mark.parametrize("opened", [380, 460])
def test_trades_whose_websocket_opens_after_the_older_file_ended_are_known_to_be_missing(
    tmp_path, opened
):
    newer = [
        one
        for one in connection(340, 800)
        if one.name != "trades" or (one.kind == "frame" and one.time > time_of(opened + 1))
    ]
    newer.append(Record(time_of(opened), "open", "trades", ""))
    recorded(tmp_path / "data", connection(10, 400), sorted(newer, key=lambda one: one.time))
    history = obi.load(tmp_path / "data", interval=0)
    assert history.gaps == 0
    if opened < 400:  # in time
        assert history.silences == ()
        assert ids(history) == list(range(12, 801, 3))
        return
    assert ids(history) == [*range(12, 400, 3), *range(462, 801, 3)]
    (silence,) = history.silences
    first, last = history.time[[silence.first, silence.last]].tolist()
    assert time_of(400) < first <= time_of(403)  # the next state may have trades of before
    assert last == time_of(462)
    assert any("the stream of trades seems to have stopped" in note for note in history.notes)


def test_a_clock_that_was_set_back_between_two_lives_hides_no_gap(tmp_path):
    back = 8 * SECOND
    newer = [one._replace(time=one.time - back) for one in connection(500, 800)]
    recorded(tmp_path / "data", connection(10, 400), newer)
    assert gaps(with_gaps(tmp_path / "data", interval=0)) == [(time_of(400), time_of(500))]


def test_a_book_that_was_lost_in_the_older_file_goes_on_with_the_newer(tmp_path):
    older = connection(10, 380)
    older += [
        Record(time_of(380) + 20 * MS, "close", "book", "cut"),
        *(one for one in connection(10, 400)[-40:] if one.name == "trades"),
    ]
    older.sort(key=lambda one: one.time)
    recorded(tmp_path / "data", older, connection(360, 800))
    history = with_gaps(tmp_path / "data", interval=0)
    assert history.gaps == 1
    assert gaps(history)[0][0] == time_of(380)
    assert ids(history) == list(range(12, 801, 3))


@pytest.mark.parametrize("quiet", [range(300, 401), range(100, 401), range(300, 500)])
def test_a_quiet_market_is_no_gap(tmp_path, quiet):
    """No change while both files are written, so that none is in both."""
    number = quiet.start - 1
    newer = connection(number, 800, quiet=quiet)
    shift = time_of(340) - time_of(number)
    newer = [one._replace(time=one.time + shift) if at < 5 else one for at, one in enumerate(newer)]
    whole = connection(10, 800, quiet=quiet)
    end = time_of(400) + 10 * MS
    first = [*(one for one in whole if one.time < end), Record(end, "end", "", "")]
    # What is numbered follows on: the venue leaves no number out.
    records = [[_renumbered(one, quiet) for one in part] for part in (first, newer, whole)]
    recorded(tmp_path / "data", *records[:2])
    joined = obi.load(tmp_path / "data", interval=0)
    expected = obi.load(write(tmp_path / "whole.gz", records[2]), interval=0)
    assert joined.gaps == expected.gaps == 0
    assert joined.time.tolist() == expected.time.tolist()
    assert joined.bid.tolist() == expected.bid.tolist()
    assert ids(joined) == ids(expected)


def _renumbered(record, quiet):
    """Return a frame whose number leaves none out, although changes did not happen."""
    if record.kind != "frame" or record.name != "book":
        return record
    frame = json.loads(record.text)
    data = frame["data"]
    if data["seqNum"] >= quiet.stop:
        data["seqNum"] -= len(quiet)
        data["prevSeqNum"] -= len(quiet)
    return record._replace(text=json.dumps(frame))


def test_a_venue_that_numbers_each_connection_anew_is_joined_by_time(tmp_path):
    def renumbered(records):
        for record in records:
            if record.kind == "frame" and record.name == "book":
                frame = json.loads(record.text)
                frame["data"]["seqNum"] -= 335
                frame["data"]["prevSeqNum"] -= 335
                yield record._replace(text=json.dumps(frame))
            else:
                yield record

    recorded(tmp_path / "data", connection(10, 400), list(renumbered(connection(340, 800))))
    joined = obi.load(tmp_path / "data", interval=0)
    whole = alone(tmp_path, 10, 800)
    assert joined.gaps == 0
    kept = dict(zip(joined.time.tolist(), joined.bid.tolist(), strict=True))
    assert kept == dict(zip(whole.time.tolist(), whole.bid.tolist(), strict=True))
    assert ids(joined) == ids(whole)


def test_a_market_that_begins_its_numbers_again_after_a_restart(tmp_path):
    """The simulated exchange does: its trades have the ids of those before."""
    first, second = connection(10, 400), connection(10, 400)
    later = [one._replace(time=one.time + 60 * SECOND) for one in second]
    shifted = [
        one._replace(text=_later(one.text, 60_000)) if one.kind == "frame" else one for one in later
    ]
    recorded(tmp_path / "data", first, shifted)
    history = with_gaps(tmp_path / "data", interval=0)
    assert history.gaps == 1
    assert ids(history) == [*range(12, 401, 3)] * 2


def _later(text, by):
    frame = json.loads(text)
    data = frame["data"]
    for one in data if isinstance(data, list) else [data]:
        one["timestamp"] += by
    return json.dumps(frame)


# -- a venue whose snapshot comes by HTTP --------------------------------------------------------


LISTING = (
    '{"serverTime":1700000000000,"symbols":[{"symbol":"BTCUSDT","quoteAsset":"USDT","filters":'
    '[{"filterType":"PRICE_FILTER","tickSize":"0.5"}]}]}'
)
RANGE = 1000  # levels of a snapshot


def usdm_time(number):
    return time_of(number)


def usdm_sides(number, best):
    """Return the known levels of both sides around a price, 1000 each: sizes by price and time."""
    return (
        [(best - 0.5 * at, 1 + (best * 2 - at) % 7) for at in range(RANGE)],
        [(best + 0.5 + 0.5 * at, 1 + (best * 2 + 1 + at) % 7) for at in range(RANGE)],
    )


def usdm_connection(first, last, *, late=5 * MS):
    """Return what a connection to Binance USD-M records: price rises by a tick with each change."""
    at = usdm_time(first) + late - 2 * MS
    records = [
        Record(at, "answer", "instrument", LISTING, 200),
        Record(at + 1, "open", "book", ""),
        Record(at + 2, "open", "market", ""),
    ]
    for number in range(first, last + 1):
        received = usdm_time(number) + late
        best = 10_000.0 + 0.5 * number
        frame = usdm_depth(
            number,
            number,
            number - 1,
            [(best, 1 + (best * 2) % 7)],
            [(best, 0)],
            ms=usdm_time(number) // MS,
        )
        records.append(Record(received, "frame", "book", frame))
        if number == first + 1:
            bids, asks = usdm_sides(number, best)
            text = usdm_snapshot(number, bids, asks, ms=usdm_time(number) // MS)
            records.append(Record(received + 1, "answer", "snapshot", text, 200))
    return records


def test_the_newer_snapshot_makes_the_known_range_wider(tmp_path):
    """Each snapshot alone covers 1,000 ticks; the price moves further than that through both."""
    place = tmp_path / "usdm"
    place.mkdir()
    parts = [usdm_connection(10, 800), usdm_connection(740, 1500), usdm_connection(1440, 2200)]
    for number, records in enumerate(parts):
        write(place / f"{number}.gz", records, venue="binance-usdm", symbol="BTCUSDT")
    joined = obi.load(place, interval=0)
    assert joined.gaps == 0
    prices = [10_000.0 + 0.5 * number for number in range(11, 2201)]
    assert joined.bid.tolist() == [prices[0], *prices]  # the snapshot, and the change in it
    # Alone, the first connection's book would be unknown before the end.
    lone = write(
        tmp_path / "lone.gz", usdm_connection(10, 2200), venue="binance-usdm", symbol="BTCUSDT"
    )
    with pytest.warns(obi.RecordingWarning, match="the price left the range"):
        assert obi.load(lone, interval=0).gaps == 1
    assert VENUES["binance-usdm"].window == 0


# -- what is no continuation ---------------------------------------------------------------------


def test_files_in_another_order_are_refused(tmp_path):
    first, second = recorded(tmp_path / "data", connection(10, 400), connection(340, 800))
    for files in ([second, first], [first, first]):
        with pytest.raises(RecordingError, match="begins before the file before it ends"):
            obi.load(files)


def test_a_file_without_a_record_is_passed_over(tmp_path):
    first, second = recorded(tmp_path / "data", connection(10, 400), connection(340, 800))
    place = first.parent
    write(place / "2023-11-14T22-13-21.000Z.gz", [])
    (place / "2023-11-14T22-13-22.000Z.gz").touch()
    assert (
        obi.load(tmp_path / "data", interval=0).sha256()
        == obi.load([first, second], interval=0).sha256()
    )


@pytest.mark.parametrize("last", [420, 425, 460, 480])
def test_a_file_that_is_followed_at_once_is_joined_on_both_sides(tmp_path, last):
    """The third file begins before the second one has gone on alone, or soon after."""
    recorded(
        tmp_path / "data",
        connection(10, 400),
        connection(340, last, late=8 * MS),
        connection(390, 800, late=2 * MS),
    )
    joined = obi.load(tmp_path / "data", interval=0)
    whole = alone(tmp_path, 10, 800)
    assert joined.sha256() == whole.sha256()
    assert ids(joined) == ids(whole)
