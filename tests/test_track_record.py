"""A sealed test of post-only orders: both places in the queue, in pieces, saved, and restarted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from post_only_tools import tapes
from sealed_tools import state
from session_tools import following, wait_for

import obi_widgets as obi
from obi_widgets.calibration.seal import Judged, Seen, make_seal
from obi_widgets.calibration.sealed import ABOVE, BELOW, UNDECIDED
from obi_widgets.calibration.track_record import PLACES, TrackRecord, worst
from obi_widgets.errors import SealError, SettingsError
from obi_widgets.presentation.tear_sheet.tear_sheet_seal import of_seal
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.trade_list import StateKey

PAST = 600
POSTED = obi.Settings(
    threshold=0.2, hold_seconds=1.0, execution="post_only", wait_seconds=2.0, latency_ms=150.0
)


@pytest.fixture(scope="module")
def history():
    """Ten minutes with trades, several states at the same time, and gaps."""
    made = obi.simulate("sim:BTC-PERP", seconds=600, seed=3)
    time, bid, ask = made.time.copy(), made.bid.copy(), made.ask.copy()
    time[PAST + 300 : PAST + 3000 : 3] = time[PAST + 301 : PAST + 3001 : 3]
    bid[PAST + 700 :: 900] = ask[PAST + 700 :: 900] = np.nan
    return dataclasses.replace(made, time=time, bid=bid, ask=ask)


def opened(past, chosen=POSTED):
    """Return a test that is sealed at the newest state and has judged nothing yet."""
    seal = make_seal(past, chosen.parameters, source="history", clip_bps=20.0)
    test = obi.SealedTest(dataclasses.replace(seal, opened_at=0))
    test.seen = Seen.of(past, len(past) - 1)
    return test


def whole(history, chosen=POSTED):
    test = opened(history[:PAST], chosen)
    test.update(history)
    return test


# -- what is judged ----------------------------------------------------------------------------


@pytest.mark.slow
def test_each_record_has_the_entries_of_its_place_in_the_queue(history):
    test = whole(history)
    frames = {}
    for record in test.records:
        entries = obi.entries(history[PAST:], POSTED, queue=record.queue)
        ended = {end: entries[entries["ended"] == end] for end in ("held", "gap", "unfilled")}
        frame = frames[record.queue] = test.to_frame(record.queue)
        for name in ("side", "entry_time", "exit_time", "net_bps"):
            assert frame[name].tolist() == ended["held"][name].tolist()
        assert (record.lost, record.missed) == (len(ended["gap"]), len(ended["unfilled"]))
        assert record.missed > 0 < record.lost
    assert [record.queue for record in test.records] == list(QUEUES)
    assert 0 < len(frames["back"]) < len(frames["front"])
    with pytest.raises(SettingsError, match="queue = 'middle'"):
        test.to_frame("middle")


def test_the_capture_gives_the_same_trades_as_the_entries(captures):
    tape = obi.load(captures["btcusdt"])
    chosen = obi.Settings(execution="post_only", hold_seconds=2.0)
    test = obi.sealed_test(tape, chosen, after=int(tape.time[499]))
    for queue in QUEUES:
        entries = obi.entries(tape[500:], chosen, queue=queue)
        held = entries[entries["ended"] == "held"]
        assert test.to_frame(queue)["net_bps"].tolist() == held["net_bps"].tolist() != []


def test_the_clip_is_chosen_from_both_places(history):
    nets = [
        abs(obi.entries(history[:3000], POSTED, queue=queue)["net_bps"]).max() for queue in QUEUES
    ]
    seal = make_seal(history[:3000], POSTED.parameters, source="history")
    assert max(nets) <= seal.clip_bps <= 2.5 * max(nets)


def test_without_trades_it_is_refused_or_waits(history):
    books = dataclasses.replace(history, trades=type(history.trades).none(), trade_ends=None)
    with pytest.raises(SettingsError, match="the source has none"):
        make_seal(books, POSTED.parameters, source="live")
    with pytest.raises(SettingsError, match="the source has none"):
        opened(history[:PAST]).update(books)
    none_yet = type(history.trades).none(streamed=True)
    early = dataclasses.replace(history, trades=none_yet, trade_ends=None)
    test = opened(early[:PAST])
    assert test.seal.clip_bps == 20.0
    assert test.update(early) == 0
    assert test.seen.time == history.time[PAST - 1]  # nothing was judged, so nothing is left out
    test.update(history)
    assert state(test) == state(whole(history))


# -- in pieces, and after a restart --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_pieces_saved_and_loaded_give_the_same_result_to_the_bit(history, seed, tmp_path):
    random = np.random.default_rng(seed)
    ends = np.sort(random.choice(np.arange(PAST, len(history)), 150, replace=False))
    test, dropped, in_flight = opened(history[:PAST]), 0, 0
    for end in [*ends.tolist(), len(history)]:
        test.update(history[dropped:end])
        dropped = max(0, end - 300)  # a session keeps only so many states
        in_flight += sum(
            one.held is not None and one.held.decided is not None for one in test.records
        )
        again = obi.SealedTest.load(test.save(tmp_path / "seal.json"))
        assert state(again) == state(test)
        test = again
    assert in_flight > 50, "an order has to be in flight at some of the ends"
    assert state(test) == state(whole(history))


@settings(max_examples=150)
@given(
    tape=tapes(),
    cut=st.integers(1, 39),
    latency=st.sampled_from([0.0, 50.0, 400.0]),
    wait=st.sampled_from([0.2, 1.0]),
)
def test_any_cut_of_a_random_tape_gives_the_same(tape, cut, latency, wait):
    assume(len(tape) > 3)
    chosen = obi.Settings(
        depth=1, decay=0.0, threshold=0.0, hold_seconds=0.2, execution="post_only",
        latency_ms=latency, wait_seconds=wait,
    )  # fmt: skip
    at_once, pieces = (opened(tape[:2], chosen) for _ in range(2))
    at_once.update(tape)
    pieces.update(tape[: 2 + cut % (len(tape) - 2)])
    pieces.update(tape)
    assert state(pieces) == state(at_once)


def test_an_order_whose_deciding_state_is_missing_is_not_judged(history):
    test = opened(history[:PAST])
    for end in range(PAST + 1, len(history)):
        test.update(history[:end])
        helds = [record.held for record in test.records]
        if all(held and held.decided and held.decided.row_in(history) < end - 2 for held in helds):
            break
    lost = [record.lost for record in test.records]
    test.update(history[end - 1 : end + 1])  # the last judged state is there, not the deciding one
    assert test.unseen == []
    assert [record.lost for record in test.records] == [many + 1 for many in lost]


def test_a_state_is_found_again_by_its_time_and_count(history):
    for row in (0, PAST + 300, PAST + 301, PAST + 302, len(history) - 1):
        key = StateKey.of(history, row)
        assert key.row_in(history) == row
        assert key.row_in(history[:row]) == -1
    assert key.row_in(history[:0]) == key.row_in(history[:10]) == -1
    assert StateKey.of(history, 10).row_in(history[11:]) == -1
    assert StateKey.of(history, PAST + 301).states == 2


@pytest.mark.slow
def test_a_later_session_continues_the_test_of_an_earlier_one(tmp_path, monkeypatch):
    """Played again from the start: all results are the same to the bit."""
    monkeypatch.chdir(tmp_path)
    path = obi.record("sim:BTC-PERP", tmp_path / "sim.gz", seconds=6, warmup=20.0, seed=1)
    chosen = obi.Settings(
        threshold=0.05, hold_seconds=0.3, execution="post_only", wait_seconds=0.5, latency_ms=20.0
    )
    with following(path, settings=chosen, speed=None) as session:
        complete = session.seal("whole.json")
        wait_for(lambda: session.market.state == "closed", "the end")
    with following(path, settings=chosen, speed=8) as session:
        part = session.seal("half.json")
        wait_for(lambda: part.trades, "the first part")
    with following(path, settings=chosen, speed=None) as session:
        test = session.seal("half.json")
        wait_for(lambda: session.market.state == "closed", "the end")
    again, once = (obi.SealedTest.load(name) for name in ("half.json", "whole.json"))
    assert state(test)[0] == state(complete)[0] == state(again)[0] == state(once)[0]
    assert min(len(record.trades) for record in once.records) > 0
    assert (test.broken, test.unseen) == ("", [])


# -- which one decides ---------------------------------------------------------------------------


def record_of(test, queue, nets):
    record = TrackRecord(test.seal, queue)
    for n, net in enumerate(nets):
        record.add(Judged(n, n + 1, 1, net))
    return record


def noisy(mean, count=150):
    return [mean + 0.1 * (-1) ** n for n in range(count)]


@pytest.mark.parametrize(
    ("back", "front", "place", "verdict"),
    [
        (noisy(1.0), noisy(2.0), "back", ABOVE),
        (noisy(2.0), noisy(1.0), "front", ABOVE),
        (noisy(1.0), noisy(0.0), "front", UNDECIDED),
        (noisy(1.0), noisy(2.0, 20), "front", UNDECIDED),  # in the burn-in nothing is known
        (noisy(1.0), noisy(-1.0), "front", BELOW),
        (noisy(-2.0), noisy(-1.0), "back", BELOW),
        (noisy(-1.0), noisy(-2.0), "front", BELOW),
        ([], noisy(-0.5, 20), "front", UNDECIDED),
        ([], noisy(0.5, 20), "back", UNDECIDED),
        ([], [], "back", UNDECIDED),
    ],
)
def test_the_worse_place_decides(history, back, front, place, verdict):
    test = opened(history[:PAST])
    test.records = (record_of(test, "back", back), record_of(test, "front", front))
    assert (worst(test.records).queue, test.verdict) == (place, verdict)
    assert worst(test.records) is worst(test.records)
    summary = test.summary()
    assert (summary.queue, summary.verdict, summary.trades) == (place, verdict, len(test.trades))
    for name, nets in (("back", back), ("front", front)):
        count = f"{len(nets):,} trades" if nets else "no trade"
        assert f"{PLACES[name]}: {count}".lower() in summary.reason.lower()
    assert f"The worse result is judged: {PLACES[place]}." in summary.reason
    facts = {name: value for name, value, _ in of_seal(test)["facts"]}
    assert {facts[PLACES[name]].split(" of ")[1] for name in QUEUES} == {
        f"{len(back):,}", f"{len(front):,}"
    }  # fmt: skip


def test_a_taker_has_one_record_and_shows_no_place(history):
    test = opened(history[:PAST], obi.Settings(hold_seconds=1.0))
    test.update(history)
    assert len(test.records) == 1
    assert test.summary().queue == ""
    assert "queue" not in test.summary().reason
    assert not set(PLACES.values()) & {name for name, _, _ in of_seal(test)["facts"]}


def test_a_file_with_records_of_another_execution_is_refused(history, tmp_path):
    test = whole(history)
    test.records = test.records[:1]
    with pytest.raises(SealError, match=r"is damaged: .*the records are \('back',\)"):
        obi.SealedTest.load(test.save(tmp_path / "seal.json"))
