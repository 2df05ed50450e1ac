"""A stream of trades that stops while the book goes on is noticed, and fills are unknown then."""

from __future__ import annotations

import dataclasses
import gzip

import numpy as np
import pytest
from history_tools import SECOND
from session_tools import View, following, wait_for

import obi_widgets as obi
from obi_widgets.calibration.as_traded import traded
from obi_widgets.history.levels import BLOCK
from obi_widgets.history.silences import (
    FACTOR,
    FEWEST,
    ODDS,
    OPEN,
    Silence,
    SilenceFinder,
    note_now,
)
from obi_widgets.history.writer import HistoryWriter
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Instrument, Trade
from obi_widgets.settings.parameters import Parameters
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import Scanner, scan
from obi_widgets.trading.post_only import QUEUES
from obi_widgets.trading.trade_list import COLUMNS

T0 = 1_700_000_000 * SECOND
POSTED = Parameters(depth=1, threshold=0.2, hold_seconds=1.0, execution="post_only", wait_seconds=1)


def written(stop=(400.0, 700.0), *, seconds=900, every=2.0, gap_at=None, capacity=None, seed=1):
    """Return a writer of five states a second, with a trade about every few seconds.

    None comes within ``stop``. The touch moves at about half of the states.
    """
    random = np.random.default_rng(seed)
    writer = HistoryWriter(Instrument("sim", "X", tick_size=1.0), levels=1, interval=0,
                           capacity=capacity)  # fmt: skip
    book, bid = Book(), 1000
    for number in range(5 * seconds):
        at = T0 + number * SECOND // 5
        if random.random() < 1 / (5 * every) and not stop[0] <= number / 5 < stop[1]:
            side = int(random.choice([-1, 1]))
            price = float(bid if side < 0 else bid + 1)
            writer.tape.trade(Trade(at - 5, at - 3, price, 1.0, side, number), at - 3)
        bid += int(random.choice([-1, 0, 1]))
        sizes = random.integers(1, 9, 2).astype(float)
        book.replace([(float(bid), sizes[0])], [(float(bid + 1), sizes[1])], 1)
        writer.append(at, at + 1, book)
        if number == gap_at:
            writer.gap(at + 2)
    return writer


@pytest.fixture(scope="module")
def history():
    return written().history()


def seconds(history, row):
    return (history.time[row] - T0) / SECOND


def plainly(history):
    """Return the silences by the rule as it is written, state by state."""
    found, silent = [], False
    moves, since, runs, total, longest, slowest = 0, history.time[0], 0, 0, 0, 0
    ends = np.append(history.trades.start, history.trade_ends)
    for row in range(len(history)):
        now = history.time[row]
        if ends[row + 1] > ends[row]:
            if silent:
                found[-1] = (found[-1][0], history.start + row)
            else:
                runs, total = runs + 1, total + moves
                longest, slowest = max(longest, moves), max(slowest, now - since)
            moves, since, silent = 0, now, False
        elif silent:
            continue
        elif np.isnan(history.bid[row]) and np.isnan(history.ask[row]):
            moves, since = 0, now
        else:
            if row:
                moves += (
                    history.bid[row] < history.bid[row - 1]
                    or history.ask[row] > history.ask[row - 1]
                )
            most = max(100, FACTOR * longest, ODDS * total / max(runs, 1))
            patience = max(60 * SECOND, FACTOR * slowest)
            if runs >= FEWEST and moves > most and now - since > patience:
                found.append((history.start + row, OPEN))
                silent = True
    return tuple(found)


# -- the rule ----------------------------------------------------------------------------------


def test_a_stream_that_stops_is_noticed_until_it_goes_on(history):
    ((first, last),) = history.silences
    assert 460 <= seconds(history, first) < 560, "later than it stopped, and within three minutes"
    assert (
        last
        == 1
        + np.flatnonzero(history.trade_ends[:-1] < history.trade_ends[1:])[
            np.searchsorted(np.flatnonzero(np.diff(history.trade_ends)), first)
        ]
    )
    assert 700 <= seconds(history, last) < 720
    assert not history.trades_known[first:last].any()
    assert history.trades_known[:first].all()
    assert history.trades_known[last:].all()
    many = last - first
    assert history.notes == (
        f"No trades came during {many:,} states although the book went on: the stream of trades "
        "seems to have stopped. Post-only fills are unknown there.",
    )


@pytest.mark.parametrize("gap_at", [None, 2100, 2400])
@pytest.mark.parametrize("every", [0.3, 2.0, 5.0])
def test_it_is_the_rule_as_it_is_written(every, gap_at):
    stop = (400.0, 800.0)
    history = written(stop, seconds=1500, every=every, gap_at=gap_at).history()
    assert history.silences == plainly(history) != ()


def test_several_silences_and_one_that_does_not_end():
    random = np.random.default_rng(3)
    count = 20_000
    time = T0 + np.arange(count) * SECOND // 4
    bid = 1000.0 + np.cumsum(random.choice([-1, 0, 1], count))
    trades = random.random(count) < 0.2
    for begin, end in ((3000, 5000), (9000, 12_000), (18_000, count)):
        trades[begin:end] = False
    finder = SilenceFinder()
    finder.follow(time, bid, bid + 1, np.cumsum(trades), 0)
    assert len(finder.found) == 3
    assert finder.found[-1].last == OPEN
    pieces, start = SilenceFinder(), 0
    for end in [*np.sort(random.choice(count, 300, replace=False)).tolist(), count]:
        rows = slice(start, end)
        pieces.follow(time[rows], bid[rows], bid[rows] + 1, np.cumsum(trades)[rows], start)
        start = max(0, end - int(random.integers(0, 50)))  # some come twice, as columns grow
    assert pieces.found == finder.found
    assert vars(pieces) == vars(finder)


def test_a_stream_whose_connection_is_lost_is_silent_until_the_next_trade():
    random = np.random.default_rng(4)
    count = 3000
    time = T0 + np.arange(count) * SECOND // 4
    bid = 1000.0 + np.cumsum(random.choice([-1, 0, 1], count))
    lost = [0, 500, 501, 1200, 1205, 2000, 2999]  # states that had been written
    trades = random.random(count) < 0.2
    for one in lost:
        trades[one + 1 : one + 30] = False
    ends = np.cumsum(trades)
    finder = SilenceFinder()
    for one in lost:
        finder.lose(one)
    finder.follow(time, bid, bid + 1, ends, 0)
    following = {one: one + 1 + int(np.argmax(trades[one + 1 :])) for one in lost[:-1]}
    assert finder.found == [
        Silence(one + 1, following[one]) for one in (0, 500, 1200, 2000)
    ]  # fmt: skip
    pieces, start = SilenceFinder(), 0
    cuts = sorted({*random.choice(count, 100, replace=False).tolist(), *lost[1:], count})
    pieces.lose(0)
    for end in cuts:  # as they are written
        rows = slice(start, end)
        pieces.follow(time[rows], bid[rows], bid[rows] + 1, ends[rows], start)
        start = max(0, end - int(random.integers(0, 50)))
        if end in lost:
            pieces.lose(end)
    assert vars(pieces) == vars(finder)


@pytest.mark.parametrize("symbol", ["btcusdt", pytest.param("ethusdt", marks=pytest.mark.slow)])
@pytest.mark.parametrize("interval", [0, 0.1, 1.0])
def test_the_captures_have_no_silence_however_few_trades_are_left(captures, symbol, interval):
    history = obi.load(captures[symbol], interval=interval, levels=1)
    assert history.silences == ()
    random = np.random.default_rng(4)
    for share in (0.1, 0.03, 0.01, 0.005):
        thinned = np.cumsum(random.binomial(np.diff(history.trade_ends, prepend=0), share))
        finder = SilenceFinder()
        finder.follow(history.time, history.bid, history.ask, thinned, 0)
        assert finder.found == []
    # But one that ends after half of the capture is noticed.
    half = len(history) // 2
    ends = np.minimum(history.trade_ends, history.trade_ends[half])
    finder = SilenceFinder()
    finder.follow(history.time, history.bid, history.ask, ends, 0)
    moves = (np.diff(history.bid) < 0) | (np.diff(history.ask) > 0)
    assert len(finder.found) == (np.count_nonzero(moves[half:]) > 101)


def test_a_quiet_market_is_not_silent():
    """Nobody trades, and the book stands still or is only refilled."""
    states = 20_000
    time = T0 + np.arange(states) * SECOND // 4
    bid = np.full(states, 1000.0)
    bid[::2] = np.where(np.arange(states)[::2] < 4000, 999.0, 1000.0)
    ends = np.minimum(np.arange(states), 4000)
    finder = SilenceFinder()
    finder.follow(time, bid, np.full(states, 1001.0), ends, 0)
    assert finder.found == []


@pytest.mark.slow
def test_simulated_markets_have_no_silence():
    for seed in range(2):
        assert obi.simulate("sim:BTC-PERP", seconds=1200, seed=seed, levels=1).silences == ()


# -- slices, joins, files ------------------------------------------------------------------------


def test_no_slice_knows_of_a_silence_early(history):
    (silence,) = history.silences
    assert history[: silence.first].silences == ()
    assert history[: silence.first + 1].silences == (Silence(silence.first, OPEN),)
    assert history[: silence.last].silences == (Silence(silence.first, OPEN),)
    inside = history[silence.first + 10 : silence.last + 5]
    assert inside.trades_known.tolist() == history.trades_known[
        silence.first + 10 : silence.last + 5
    ].tolist()  # fmt: skip
    assert history[silence.last :].silences == ()


def test_what_is_written_meanwhile_is_what_a_slice_knows():
    """Histories that are asked for while they are written, and dropped blocks, change nothing."""
    stop = (600.0, 1400.0)
    whole = written(stop, seconds=1700).history()
    short = written(stop, seconds=1700, capacity=1).history()
    assert short.start == BLOCK
    assert whole.silences[0].first < short.start < whole.silences[0].last
    assert short.silences == whole[short.start :].silences
    again = written(stop, seconds=1000).history()
    assert again.silences == whole[: len(again)].silences != ()


def test_silences_of_states_that_are_dropped_are_forgotten():
    finder = SilenceFinder()
    finder.found = [Silence(10, 20), Silence(30, 50), Silence(60, OPEN)]
    finder.drop(20)
    assert finder.found == [Silence(30, 50), Silence(60, OPEN)]
    writer = written((400.0, 700.0), seconds=2700, capacity=1)
    assert writer.history().start == 2 * BLOCK
    assert writer.tape._silences.found == []


def test_joined_and_saved(history, tmp_path):
    (silence,) = history.silences
    saved = obi.load(history.save(tmp_path / "x.parquet"))
    assert saved.silences == history.silences
    assert saved.notes == history.notes
    later = dataclasses.replace(history, time=history.time + 10**13, received=history.time + 10**13)
    cut = history[: silence.last - 10]
    joined = obi.History.concat([cut, later])
    assert joined.trades_known.tolist() == [
        *cut.trades_known.tolist(), True, *later.trades_known.tolist(),
    ]  # fmt: skip


# -- what follows -------------------------------------------------------------------------------


@pytest.mark.slow
def test_post_only_orders_in_a_silence_are_unknown_and_not_missed(history):
    (silence,) = history.silences
    began, ended = history.time[silence.first], history.time[silence.last]
    signal = obi.imbalance(history, POSTED)
    found = decisions(history, signal, POSTED)
    told = dataclasses.replace(history, silences=())
    for queue in QUEUES:
        made = scan(history, found, POSTED, 0, None, queue)
        within = (made.entry_time >= began) & (made.entry_time < ended)
        assert not made.missed[within].any()
        assert np.count_nonzero(within) <= 1, "the order that is in flight when the silence shows"
        assert made.missed[~within].any()
        before = scan(told, found, POSTED, 0, None, queue)
        counted = (before.entry_time >= began) & (before.entry_time < ended)
        assert np.count_nonzero(before.missed & counted) > 50, "what was counted without the rule"
        rows = made.entry_time < began
        np.testing.assert_array_equal(
            made.entry_time[rows], before.entry_time[before.entry_time < began]
        )


@pytest.mark.slow
@pytest.mark.parametrize("queue", QUEUES)
def test_appended_equals_whole_across_a_silence(history, queue):
    signal = obi.imbalance(history, POSTED)
    pieces, whole = Scanner(POSTED, queue), Scanner(POSTED, queue)
    for end in [*range(100, len(history), 37), len(history)]:
        pieces.extend(history[:end], signal[:end])
    whole.extend(history, signal)
    for name in COLUMNS:
        np.testing.assert_array_equal(
            getattr(pieces.trades(history), name), getattr(whole.trades(history), name)
        )


@pytest.mark.slow
def test_sweep_and_verdict_leave_them_out(history):
    (silence,) = history.silences
    told = dataclasses.replace(history, silences=())
    x = np.sign(obi.imbalance(history, POSTED)).astype(np.int8)
    now, before = (traded(one, POSTED, x, [1.0]) for one in (history, told))
    states = silence.last - silence.first
    assert 0.5 * states < before.missed[0] + before.n[0] - now.missed[0] - now.n[0] < 1.1 * states
    settings = obi.Settings(**POSTED.as_dict())
    surface = obi.sweep(history, settings=settings, queue="back")
    frame = obi.entries(history, settings)
    assert surface.missed.item() == (frame["ended"] == "unfilled").sum()
    assert surface.sums.ravel()[4] == (frame["ended"] == "gap").sum() > 0
    taker = obi.Settings(depth=1, threshold=0.2, hold_seconds=1.0)
    pd_equal = obi.entries(history, taker).equals(obi.entries(told, taker))
    assert pd_equal, "a taker needs no trades"


@pytest.mark.slow
def test_a_strategy_file_is_proved_across_a_silence(history, tmp_path):
    path = obi.export_strategy(tmp_path / "posted.py", POSTED, history)
    assert path.exists()


# -- on the screen -------------------------------------------------------------------------------


def test_the_status_says_so_while_it_lasts(history):
    (silence,) = history.silences
    assert note_now(history) == note_now(history[:0]) == note_now(history[: silence.first]) == ""
    long = round((history.time[silence.last - 1] - history.trades.time[
        history.trade_ends[silence.last - 1] - 1]) / 60e9)  # fmt: skip
    assert note_now(history[: silence.last]) == (
        f"No trades for {long} min, although best prices are taken away as before. The stream of "
        "trades seems to have stopped: post-only fills are unknown until it goes on."
    )


@pytest.mark.slow
def test_a_recording_whose_trades_end_says_so(captures, tmp_path):
    """The frames of trades are taken out of a capture, but for its first fifth."""
    lines = [
        line for path in captures["btcusdt"]
        for line in gzip.decompress(path.read_bytes()).splitlines(keepends=True)
        if b"@bookTicker" not in line
    ]  # fmt: skip
    first = len(lines) // 5
    kept = lines[:first] + [line for line in lines[first:] if b"@trade" not in line]
    assert len(kept) < len(lines) - 1000
    path = tmp_path / "btcusdt_cut.gz"
    path.write_bytes(gzip.compress(b"".join(kept), 1))
    loaded = obi.load(path)
    ((_, last),) = loaded.silences
    assert last == OPEN
    assert "the stream of trades seems to have stopped" in loaded.notes[0]
    view = View()
    with following(path, view, speed=200) as session:
        said = wait_for(
            lambda: [one for one in view.frames if "No trades for" in one.detail], "the sentence"
        )
        assert said[0].state == "live"
        assert "seems to have stopped" in said[0].detail
        wait_for(lambda: session.market.state == "closed", "the end")
        assert session.history.silences == loaded.silences
    assert "No trades" not in view.frames[0].detail
