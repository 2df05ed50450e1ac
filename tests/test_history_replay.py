"""A saved history that is played again: what is shown when, and how it ends."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import numpy as np
import pytest
from session_tools import wait_for

import obi_widgets as obi
from obi_widgets.cli import main
from obi_widgets.errors import SettingsError
from obi_widgets.feeds.history_feed import HistoryFeed
from obi_widgets.feeds.history_replay import HistoryReplay, ReplayedMarket, played
from obi_widgets.feeds.sources import open_feed


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=20, levels=5, seed=4)


@pytest.fixture
def saved(history, tmp_path):
    return history.save(tmp_path / "day.parquet")


def test_what_was_received_until_then_is_shown(history):
    market = ReplayedMarket(history)
    assert len(market.history()) == 0
    assert (market.state, market.has_book) == ("connecting", False)
    assert np.isnan(market.age(int(history.received[5])))
    now = int(history.received[5])
    assert market.play(now - 1) == len(history) - 5
    assert market.play(now) == len(history) - 6
    assert market.play(now - 10**9) == len(history) - 6, "a clock that goes back takes nothing away"
    assert market.history().time[-1] == history.time[5]
    assert market.age(now + 10**9) == 1.0
    assert (market.state, market.has_book) == ("live", True)


def test_a_lost_book_is_a_gap(history):
    bid, ask = history.bid.copy(), history.ask.copy()
    bid[3] = ask[3] = np.nan
    market = ReplayedMarket(replace(history, bid=bid, ask=ask))
    market.play(int(history.received[3]))
    assert (market.state, market.has_book) == ("gap", False)
    market.play(int(history.received[4]))
    assert (market.state, market.has_book) == ("live", True)


def test_after_its_end_nothing_comes(history):
    market = ReplayedMarket(history)
    market.play(int(history.received[5]))
    market.end("It was ended.", "Start it again.")
    market.end("Again.", "")
    assert market.play(int(history.received[-1])) == len(history) - 6
    assert (market.state, market.detail, market.has_book) == ("closed", "It was ended.", False)


def test_it_is_played_at_its_speed_to_the_end(history):
    feed = HistoryReplay(history, speed=40)
    began = time.monotonic()
    asyncio.run(feed.run())
    assert time.monotonic() - began >= (history.received[-1] - history.received[0]) / 1e9 / 40
    assert (feed.market.state, feed.messages) == ("closed", len(history))
    assert feed.market.detail == "The recording has ended."
    assert np.array_equal(feed.market.history().time, history.time)


def test_a_saved_history_is_at_once_unless_it_is_to_be_played(saved, history):
    assert type(open_feed(saved)) is HistoryFeed
    assert type(open_feed(saved, speed=None)) is HistoryFeed
    assert open_feed(saved, speed=3).speed == 3
    feed = played(open_feed(saved))
    assert (feed.speed, feed.kind, feed.place().sources) == (1.0, "recording", (str(saved),))
    assert played(feed) is feed
    for speed in (0, -1, float("nan"), 100_001):
        with pytest.raises(SettingsError, match=r"speed = .* is not possible"):
            open_feed(saved, speed=speed)


def test_a_session_plays_it(saved, history):
    session = obi.Session(saved, speed=20)
    try:
        session.start()
        wait_for(lambda: session.market.state == "closed", "the end")
        assert np.array_equal(session.history.time, history.time)
        assert session.health().kind == "recording"
    finally:
        session.close()


@pytest.mark.parametrize("options", [("--speed", "20"), ()])
def test_serve_publishes_each_of_its_states(history, tmp_path, capfd, options):
    short = history[: 100 if options else 15]  # seconds of it, at real time
    path = short.save(tmp_path / "day.parquet")
    assert main.main(["serve", str(path), "--port", "0", "--stdout", *options]) == 0
    said = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    times = [one["time_ns"] for one in said if one["type"] == "depth" and one["state"] == "live"]
    assert times == short.time.tolist()
    assert said[-1]["state"] == "closed"
