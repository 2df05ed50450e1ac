"""A source followed without a screen: its start, its rows, and what becomes of the connection."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.errors import SettingsError, VenueError
from obi_widgets.feeds.sources import open_feed
from obi_widgets.presentation.watch.row import Row
from obi_widgets.presentation.watch.row_maker import RowMaker, Schedule
from obi_widgets.session.watching import Step, Watching, settings_line
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.crossing import Alert

SIM = Path(__file__).parent / "data" / "sim.txt"
SETTINGS = Parameters(threshold=0.1)
MOST = 3_000  # of what is told, before a test gives up


@contextmanager
def watching(source, parameters=SETTINGS, *, every=0.2, **options):
    feed = open_feed(source, **options)
    with Watching(feed, parameters, every) as found:
        yield found
    assert not found._reader.thread.is_alive()


def until(found, wanted):
    """Take what is told up to the first thing of a kind; return all of it."""
    taken = []
    for _, one in zip(range(MOST), found, strict=False):
        taken.append(one)
        if wanted(one):
            return taken
    pytest.fail(f"not told: {wanted}, but {taken[-5:]}")


def is_row(one):
    return isinstance(one, Row)


def test_the_steps_of_the_start_are_numbered_and_have_ids():
    with watching("sim:BTC-PERP", warmup=0, seed=3) as found:
        told = until(iter(found), is_row)
        steps = [one for one in told if isinstance(one, Step)]
        assert [one.number for one in steps] == [*range(1, len(steps) + 1)]
        assert steps[0].text == "Source: sim:BTC-PERP, Simulator, simulated."
        assert steps[1].text.endswith("threshold 0.1, back at 0.09.")
        ids = {name: one for step in steps for name, one in step.connections.items()}
        feed = found.feed
        assert ids == feed.connection_ids
        assert ids.keys() == {"book", "trades"}
        assert [one.snapshot for one in steps if one.snapshot] == [feed.market.snapshot_id]
        assert steps[-1].text == "A row every 0.2 s."


def test_rows_go_on_after_a_lost_connection_and_its_new_ids_are_told():
    with watching("sim:BTC-PERP", warmup=0, seed=3) as found:
        telling = iter(found)
        until(telling, is_row)
        before = dict(found.feed.connection_ids)
        found.feed.exchange.inject("disconnect")
        told = until(telling, lambda one: isinstance(one, Step) and one.snapshot)
        steps = [one for one in told if isinstance(one, Step)]
        assert {one.number for one in steps} == {0}
        assert any("was lost" in one.text for one in steps)
        (new,) = [one.connections["book"] for one in steps if "book" in one.connections]
        assert new != before["book"]
        rows = [one for one in told if is_row(one)]
        assert any(row.state == "connecting" and row.notes for row in rows)
        after = until(telling, lambda one: is_row(one) and one.state == "live")
        assert after[-1].bid < after[-1].ask


def test_what_was_crossed_in_the_past_is_no_alert():
    with watching("sim:BTC-PERP", warmup=60.0, seed=3) as found:
        telling = iter(found)
        told = until(telling, is_row)
        assert not [one for one in told if isinstance(one, Alert)]
        assert found.maker.seconds > 30
        first = told[-1].time
        alert = until(telling, lambda one: isinstance(one, Alert))[-1]
        assert alert.time > first


def test_a_feed_that_ends_says_why():
    with watching("sim:BTC-PERP", warmup=0, seed=3) as found:
        telling = iter(found)
        until(telling, is_row)
        found.feed.market.end("The venue is gone.", "Take another one.")
        with pytest.raises(VenueError, match=r"^The venue is gone\. Take another one\.$"):
            until(telling, lambda _: False)


@pytest.mark.parametrize("speed", [3.0, 100_000.0])
def test_a_replay_has_the_rows_of_the_loaded_history_at_each_speed(speed):
    history, maker, schedule = obi.load(SIM), RowMaker(SETTINGS), Schedule(0.5)
    expected = []
    for end in schedule.ends(history):
        expected += maker.follow(history[:end]) if expected else maker.follow(history[:end])[:0]
        expected.append(maker.row())
    expected += maker.follow(history)
    assert len(expected) > 4
    with watching(str(SIM), every=0.5, speed=speed) as found:
        told = [one for one in found if not isinstance(one, Step)]
    assert [one.time for one in told] == [one.time for one in expected]
    for one, other in zip(told, expected, strict=True):
        if is_row(one):
            assert (one.signal, one.bids, one.label) == (other.signal, other.bids, other.label)
        else:
            assert one == other
    with watching(history, every=0.5) as found:
        assert [one for one in found if not isinstance(one, Step)] == expected


def test_it_ends_while_nothing_comes():
    feed = open_feed("sim:BTC-PERP", warmup=0)
    before = set(threading.enumerate())
    with Watching(feed, SETTINGS):
        wait_for(lambda: feed.market.has_book)
    wait_for(lambda: set(threading.enumerate()) <= before, "its threads to end")


def test_wrong_times_are_refused_and_settings_are_one_line():
    with pytest.raises(SettingsError, match="every = 0 is not possible"):
        Watching(open_feed("sim:BTC-PERP"), SETTINGS, 0)
    quantile = Parameters("queue_imbalance", threshold=0.9, threshold_is="quantile")
    assert (
        settings_line(quantile) == "queue_imbalance, threshold 0.9 of its quantiles, back at 0.81."
    )
