"""What is read of a moment is what the history has there, and it is said in plain words."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from history_tools import NAN, SECOND, make
from session_tools import View, at_rest, following, wait_for
from test_frame import frame_of

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.presentation.charts.window import Window
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.reading.cursor import Cursor
from obi_widgets.presentation.reading.ladder import KERNELS, Ladder
from obi_widgets.presentation.reading.reading import Reader, Reading, read
from obi_widgets.presentation.reading.signal_values import SignalValues
from obi_widgets.presentation.texts.reading_text import (
    clock,
    distance,
    names_apart,
    reading_rows,
    spoken,
)

BOOK = (([1000, 999], [3.0, 1.0]), ([1001, 1003], [1.0, 1.0]))
OTHER = (([1000, 999], [1.0, 1.0]), ([1002, 1003], [3.0, 1.0]))

SETTINGS = [
    obi.Parameters(),
    obi.Parameters(decay=0.0, depth=1, threshold=0.2),
    obi.Parameters(threshold_is="quantile", threshold=0.9, quantile_window=30),
    obi.Parameters("order_flow_imbalance"),
]


RECORDING = Path(__file__).parent / "data" / "sim.txt"


@pytest.fixture(scope="module")
def market():
    return obi.simulate(seconds=120, seed=7)


@pytest.mark.parametrize("parameters", [
    *SETTINGS,
    obi.Parameters(depth=None, decay=2.0),
    obi.Parameters(depth=4, band_bps=0.4),
    obi.Parameters(obi.weighted_sum([obi.queue_imbalance, obi.imbalance], [1.0, 0.5])),
], ids=str)  # fmt: skip
def test_a_compiled_ladder_is_that_of_numpy(market, parameters, monkeypatch):
    assert KERNELS.wait()
    rows, largest = range(0, len(market), 37), 2.0
    compiled = [Ladder.of(market, parameters, row) for row in rows]
    bars = [one.bars(15, largest, 1000) for one in compiled]
    monkeypatch.setattr(KERNELS, "code", KERNELS.numpy)
    for row, one, lengths in zip(rows, compiled, bars, strict=True):
        other = Ladder.of(market, parameters, row)
        np.testing.assert_array_equal(one.price, other.price)
        np.testing.assert_array_equal(one.size, other.size)
        # The exponential of NumPy and that of the C library differ in the last bits.
        np.testing.assert_allclose(one.weight, other.weight, rtol=1e-14, atol=0)
        assert one.weighs == other.weighs
        np.testing.assert_array_equal(lengths, one.bars(15, largest, 1000))
        np.testing.assert_array_equal(lengths[1] > 0, one.weight[:, :15] > 0)


@pytest.mark.parametrize("parameters", SETTINGS, ids=range(len(SETTINGS)))
def test_a_reading_is_the_newest_state_at_or_before_its_time(market, parameters):
    signal = parameters.signal.compute(market, dict(parameters.values))
    rng = np.random.default_rng(1)
    for _ in range(50):
        time = int(rng.integers(market.time[0], market.time[-1]))
        row = int(np.flatnonzero(market.time <= time)[-1])
        found = Reading.of(market, signal, parameters, time)
        assert (found.time, found.number) == (market.time[row], market.start + row)
        assert (found.bid, found.ask, found.mid) == (
            market.bid[row], market.ask[row], market.mid[row],
        )  # fmt: skip
        np.testing.assert_equal(found.signal, signal[row])
        ladder = Ladder.of(market[: row + 1], parameters)
        np.testing.assert_array_equal(found.ladder.price, ladder.price)
        np.testing.assert_array_equal(found.ladder.size, ladder.size)
        np.testing.assert_array_equal(found.ladder.weight, ladder.weight)
        received = market.trades.received < market.received[row]
        if received.any():
            last = np.flatnonzero(received)[-1]
            assert found.trade.price == market.trades.price[last]
            assert found.trade.side == market.trades.side[last]
        else:
            assert found.trade is None


def test_the_threshold_is_that_of_the_row(market):
    parameters = SETTINGS[2]
    signal = parameters.signal.compute(market, dict(parameters.values))
    time = market.time
    for row in (400, 700, 1100):
        window = (time > time[row] - 30 * SECOND) & (np.arange(len(time)) < row)
        wanted = np.quantile(np.abs(signal[window]), 0.9, method="lower")
        assert Reading.of(market, signal, parameters, int(time[row])).threshold == wanted
    early = Reading.of(market, signal, parameters, int(time[10]))
    assert math.isnan(early.threshold), "its window is not full"
    assert math.isfinite(early.signal)


def test_of_several_states_at_one_time_the_last_is_read():
    history = make([BOOK, OTHER, BOOK], every=0)
    found = Reading.of(history, np.zeros(3), SETTINGS[0], int(history.time[0]))
    assert found.number == 2


def test_before_the_first_state_and_in_a_gap_there_are_no_numbers():
    history = make([BOOK, None, OTHER])
    signal = np.array([0.5, NAN, -0.5])
    before = Reading.of(history, signal, SETTINGS[0], int(history.time[0]) - 1)
    gap = Reading.of(history, signal, SETTINGS[0], int(history.time[2]) - 1)
    after = Reading.of(history, signal, SETTINGS[0], int(history.time[2]) + 10**12)
    assert (before.time, before.gap, gap.gap, gap.time) == (None, False, True, history.time[1])
    for empty in (before, gap):
        numbers = (empty.bid, empty.ask, empty.mid, empty.spread, empty.signal, empty.threshold)
        assert all(map(math.isnan, numbers))
        assert np.isnan(empty.ladder.price).all()
        assert empty.trade is None
    assert (after.number, after.bid) == (2, history.bid[2])
    assert "before the first state" in repr(before)
    assert "in a gap" in repr(gap)
    assert "mid 100.1" in repr(after)


def test_a_history_without_states_is_read_too():
    history = make([BOOK])[:0]
    assert Reading.of(history, np.empty(0), SETTINGS[0], 5).time is None


# -- words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signal", "threshold", "said"),
    [
        (-0.26, 0.5, "0.24 short of −0.50"),
        (+0.86, 0.5, "0.36 beyond +0.50"),
        (-0.86, 0.5, "0.36 beyond −0.50"),
        (+0.501, 0.5, "just beyond +0.50"),
        (+0.499, 0.5, "just short of +0.50"),
        (-0.5, 0.5, "on −0.50, not beyond"),
        (0.0, 0.5, "0.50 short of ±0.50"),
        (NAN, 0.5, ""),
        (0.3, NAN, ""),
    ],
)
def test_the_distance_from_the_threshold(signal, threshold, said):
    assert distance(signal, threshold, (-1, 1)) == said


def test_a_clock_cuts_digits_off():
    at = (2 * 60 + 41) * SECOND + 269_999_999
    assert (clock(at), clock(at, 1), clock(at, 0)) == ("00:02:41.269", "00:02:41.2", "00:02:41")


def test_the_rows_of_a_reading():
    history = make([BOOK, None, OTHER])
    frame = frame_of(
        history, obi.Parameters(decay=0.0, depth=1), cursor=Cursor(pinned=int(history.time[0]))
    )
    assert reading_rows(frame, frame.reading) == [
        ("mid", "100.05", ""),
        ("spread", "0.1 · 10.00 bps", ""),
        ("signal", "+0.50 ▲", "bid"),
        ("", "0.10 beyond +0.40", ""),
    ]
    assert spoken(frame, frame.reading) == (
        "00:00:01.0: mid 100.05, spread 0.1 · 10.00 bps, signal +0.50 ▲, 0.10 beyond +0.40."
    )
    for time, said in ((0, "Before the first state."), (1, "In a gap: the book was not in sync.")):
        asked = Cursor(pinned=int(history.time[time]) - (not time))
        frame = frame_of(history, cursor=asked)
        assert reading_rows(frame, frame.reading) == [("", said, "")]


# -- frames ------------------------------------------------------------------------------------


def test_a_hover_reads_its_place_in_the_window_of_the_frame():
    window = Window(1000, 3000, 1)
    assert Cursor(at=0.25, view="a").time(window) == 1500
    assert Cursor(pinned=7).time(window) == 7


def test_a_reading_is_kept_while_it_is_the_same(market):
    analysis, reader = Analysis(SETTINGS[0]), Reader()
    analysis.update(market[:500], SETTINGS[0])
    time = int(market.time[400])
    first = reader.read(analysis, (), time)
    assert reader.read(analysis, (), time) is first
    analysis.update(market[:600], SETTINGS[0])
    assert reader.read(analysis, (), time) is first, "a later state changes nothing"
    newest = reader.read(analysis, (), int(market.time[-1]))
    analysis.update(market, SETTINGS[0])
    assert reader.read(analysis, (), int(market.time[-1])).number == newest.number + 600
    other = SETTINGS[1]
    analysis.update(market, other)
    assert reader.read(analysis, (), time).signal == analysis.signal[400]


def test_stacked_signals_are_read_with_their_values_and_thresholds(market):
    stacked = [
        SignalValues(obi.Parameters("order_flow_imbalance", window=5.0, threshold=3.0)),
        SignalValues(obi.Parameters("queue_imbalance", threshold_is="quantile", threshold=0.9,
                                    quantile_window=30)),
    ]  # fmt: skip
    analysis, reader = Analysis(SETTINGS[0]), Reader()
    for one in (analysis, *stacked):
        one.update(market, one.parameters)
    rng = np.random.default_rng(2)
    for row in rng.integers(400, len(market), 50).tolist():
        found = reader.read(analysis, stacked, int(market.time[row])).stacked
        wanted = [
            (
                one.parameters,
                one.parameters.signal.compute(market, dict(one.parameters.values))[row],
            )
            for one in stacked
        ]
        assert [(one.parameters, one.value) for one in found] == wanted
        assert found[0].threshold == 3.0
        quantile = Reading.of(market, stacked[1].signal, stacked[1].parameters,
                              int(market.time[row])).threshold  # fmt: skip
        assert found[1].threshold == quantile
        again = read(market, SETTINGS[0], market.time[row], [one.parameters for one in stacked])
        assert again.stacked == found, "read by hand, it is the same"
    time = int(market.time[400])
    with_them = reader.read(analysis, stacked, time)
    assert reader.read(analysis, stacked, time) is with_them
    assert reader.read(analysis, stacked[:1], time).stacked == with_them.stacked[:1]


def test_in_a_gap_and_before_the_first_state_stacked_signals_have_no_numbers():
    history = make([BOOK, None, OTHER])
    of = [(obi.Parameters("queue_imbalance"), np.array([0.5, NAN, -0.5]))]
    signal = np.array([0.5, NAN, -0.5])
    gap = Reading.of(history, signal, SETTINGS[0], int(history.time[1]), of)
    assert math.isnan(gap.stacked[0].value)
    assert math.isnan(gap.stacked[0].threshold)
    assert Reading.of(history, signal, SETTINGS[0], int(history.time[0]) - 1, of).stacked == ()


def test_signals_of_one_name_are_told_apart_by_what_differs():
    flow = [obi.Parameters("order_flow_imbalance", window=window) for window in (5.0, 10.0)]
    high = obi.Parameters("imbalance", threshold=0.3)
    low = obi.Parameters("imbalance", threshold=0.2, depth=5)
    assert names_apart([*flow, obi.Parameters("queue_imbalance")]) == [
        "order flow imbalance, 5 s", "order flow imbalance, 10 s", "queue imbalance",
    ]  # fmt: skip
    assert names_apart([high, low]) == [
        "imbalance, 10 levels, threshold 0.3", "imbalance, 5 levels, threshold 0.2",
    ]  # fmt: skip
    assert names_apart([]) == []


def test_a_time_whose_states_were_dropped_is_said_to_be_no_longer_kept(market):
    dropped = market[600:]
    assert dropped.start == 600
    frame = frame_of(dropped, cursor=Cursor(pinned=int(market.time[100])))
    begin = clock(int(dropped.time[0]), 0)
    wanted = [("", f"No longer kept: the data begin at {begin}.", "")]
    assert reading_rows(frame, frame.reading) == wanted
    assert spoken(frame, frame.reading).endswith(f"the data begin at {begin}.")


def test_left_of_the_first_state_nothing_is_raised(market):
    frame = frame_of(market, cursor=Cursor(at=0.0, view="a"))
    assert frame.reading.time is not None
    frame = frame_of(market[:5], cursor=Cursor(at=0.0, view="a"))
    assert frame.reading.time is None
    frame = frame_of(market[:0], cursor=Cursor(at=0.5, view="a"))
    assert frame.reading.time is None


def test_pointing_shows_a_frame_of_a_source_that_stands_still():
    view = View()
    with following(RECORDING, view, speed=None, interval=0) as session:
        at_rest(view)
        times = session.history.time
        for change, read in (
            (lambda: session.hover(0.5, "a"), True),
            (lambda: session.hover(None, "b"), None),
            (lambda: session.hover(None, "a"), False),
            (lambda: session.pin(times[30]), True),
            (lambda: session.hover(0.9, "a"), None),
            (lambda: session.step(-3), True),
            (lambda: session.pin(), False),
        ):
            shown = len(view.frames)
            change()
            if read is None:
                continue  # another page's mouse, or one that meets a pin, changes nothing
            wait_for(lambda: len(view.frames) > shown, "a frame")  # noqa: B023
            assert (view.frames[-1].reading is not None) is read
        read = [frame.reading for frame in view.frames if frame.reading is not None]
        assert read[-1].time == times[27]


@pytest.fixture
def session():
    with following(RECORDING, speed=None, interval=0) as session:
        session.start()
        wait_for(lambda: session.market.state == "closed", "the recording's end")
        yield session


# -- for a notebook ----------------------------------------------------------------------------


def test_read_takes_times_of_every_kind(session):
    times = session.history.time
    at = int(times[30])
    stamp = pd.Timestamp(at, tz="UTC")
    for time in (at, times[30], stamp, stamp.tz_localize(None), str(stamp)):
        assert session.read(time).time == at
    assert session.read(at).signal == obi.imbalance(session.history, session.settings)[30]
    assert session.read(1_000_000_000 * SECOND).time is None


@pytest.mark.parametrize("time", [5.0, "noon", 1_700_000_000, None, True, "NaT"])
def test_read_refuses_what_is_no_time(session, time):
    with pytest.raises(SettingsError, match="not a time"):
        session.read(time)


# -- what is pointed at ------------------------------------------------------------------------


def test_a_pin_is_left_alone_by_the_mouse(session):
    times = session.history.time
    session.pin(times[10])
    session.hover(0.3, "a")
    session.hover(None, "a")
    assert session.cursor == Cursor(pinned=times[10])
    session.pin()
    assert session.cursor is None
    session.hover(0.3, "a")
    session.hover(None, "b")
    assert session.cursor == Cursor(at=0.3, view="a")
    session.hover(None, "a")
    assert session.cursor is None


def test_steps_go_from_state_to_state_and_stop_at_the_ends(session):
    times = session.history.time
    session.step(-1)
    assert session.cursor.pinned == times[-1], "a first step pins the newest state"
    session.step(-1)
    assert session.cursor.pinned == times[-2]
    session.step(+10)
    assert session.cursor.pinned == times[-1]
    session.step(-100_000)
    assert session.cursor.pinned == times[0]
    with pytest.raises(SettingsError):
        session.step(0.5)


def test_what_is_out_of_view_is_brought_into_view(session):
    times = session.history.time
    newest, oldest = int(times[-1]), int(times[0])

    def shown():
        end = session.time_range.right_edge(oldest, newest)
        return end - SECOND, end

    session.look_at(1)
    session.bring_into_view(newest - SECOND // 3, newest - SECOND // 10)
    assert session.time_range.end is None, "it was in view"
    session.bring_into_view(newest - 4 * SECOND, newest - 4 * SECOND + SECOND // 2)
    left, right = shown()
    assert left < newest - 4 * SECOND
    assert newest - 4 * SECOND + SECOND // 2 < right
    session.bring_into_view(newest - 5 * SECOND, newest - SECOND)
    left, right = shown()
    assert left < newest - 5 * SECOND < right, "of a long one the begin is in view"
    session.bring_into_view(oldest, oldest)
    left, right = shown()
    assert left <= oldest <= right


def test_a_chosen_entry_is_left_alone_by_the_mouse(session):
    times = session.history.time
    session.point(times[5], "a")
    session.point(None, "b")
    assert session.pointed == (times[5], "a")
    session.choose(times[7], times[5], times[9])
    assert session.cursor == Cursor(pinned=times[5])
    session.point(times[9], "a")
    session.point(None, "a")
    assert session.pointed == (times[7], "")
    session.pin()
    assert session.pointed is None
