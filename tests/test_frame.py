"""The numbers of a screen: finite where there is a book, and NaN where there is none."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from history_tools import NAN, SECOND, early, make

import obi_widgets as obi
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.presentation.frames.frame import LATELY, Covered, Reach
from obi_widgets.presentation.frames.frame_maker import FrameMaker
from obi_widgets.presentation.reading.analysis import Analysis
from obi_widgets.presentation.reading.ladder import LADDER, Ladder
from obi_widgets.presentation.texts import effects, formatting
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.imbalance_insight import DecayEffect, ImbalanceInsight

NUMBERS = ("mid", "spread", "signal", "age", "rate", "states", "seconds", "beyond")

SETTINGS = [
    Parameters(),
    Parameters(decay=100.0, depth=None),
    Parameters(decay=0.0, depth=1),
    Parameters(depth=None, band_bps=0.5, weighting="notional"),
    Parameters(threshold=0.0, hold_seconds=0.1, price="mid"),
    Parameters(threshold=1.0),
]


def frame_of(history, parameters=SETTINGS[0], maker=None, **changes):
    analysis = Analysis(parameters)
    analysis.update(history, parameters)
    said = {
        "instrument": history.instrument, "state": "live", "has_book": True, "detail": "",
        "advice": "", "note": "", "paused": False, "age": 0.1, "rate": 10.0,
        "time_range": TimeRange(60.0),
    }  # fmt: skip
    return (maker or FrameMaker()).make(analysis, **{**said, **changes})


def effect_of(history, parameters):
    return obi.imbalance.insight.decay_effect(history[-LATELY:], dict(parameters.values))


def nothing(rows, levels=3):
    empty = np.full((rows, levels), NAN)
    return early(SECOND * np.arange(rows), *[empty] * 4)


@pytest.mark.parametrize("parameters", SETTINGS, ids=range(len(SETTINGS)))
@pytest.mark.parametrize("window_seconds", [1.0, 60.0, 3600.0])
def test_of_a_capture_every_number_is_one(history, parameters, window_seconds):
    for end in (1, 2, 700, len(history)):
        part = history[:end]
        frame = frame_of(part, parameters, time_range=TimeRange(window_seconds))
        assert all(math.isfinite(getattr(frame, name)) for name in NUMBERS)
        assert frame.mid == (part.bid[-1] + part.ask[-1]) / 2
        assert frame.spread == pytest.approx(part.ask[-1] - part.bid[-1])
        assert frame.spread_bps == pytest.approx(1e4 * frame.spread / frame.mid)
        assert frame.signal == obi.imbalance(part, parameters)[-1]
        assert frame.seconds == (part.time[-1] - part.time[0]) / 1e9
        for line in (frame.price, frame.signals[0].line, frame.signals[0].extent):
            assert all(np.isfinite(column).all() for column in line)
        reach = vars(frame.reach).copy()
        assert reach.pop("shortfall") is None
        assert list(reach.pop("notes")) == ["decay"]
        assert all(map(math.isfinite, reach.values()))
        low, high = frame.price_range
        assert low <= np.nanmin(frame.price[1]) <= np.nanmax(frame.price[1]) <= high
        assert frame.window.start <= part.time[-1] < frame.window.end


@pytest.mark.parametrize("rows", [0, 1, 50])
@pytest.mark.parametrize("state", ["live", "gap", "closed", "connecting"])
def test_without_a_book_there_are_no_numbers(rows, state):
    frame = frame_of(nothing(rows), state=state)
    for name in ("mid", "spread", "signal", "beyond", "spread_bps"):
        assert math.isnan(getattr(frame, name))
    assert np.isnan(frame.ladder.price).all()
    assert np.isnan(frame.ladder.size).all()
    assert (frame.ladder.weight == 0).all()
    assert frame.reach.levels == 0
    assert math.isnan(frame.reach.bps)
    assert math.isnan(frame.reach.weight)
    assert (frame.reach.notes, frame.reach.shortfall, frame.reach.inferred) == ({}, None, 0)
    assert frame.results.entries == 0
    assert math.isnan(frame.results.mean_net_bps)
    drawn = frame.signals[0]
    assert all(np.isnan(column).all() for column in (*drawn.line[1:], *drawn.extent[1:]))
    assert all(map(math.isfinite, frame.price_range))


BOOK = (([1000, 999], [3.0, 1.0]), ([1001, 1003], [1.0, 1.0]))


@pytest.mark.parametrize("state", ["connecting", "syncing", "gap", "stale"])
def test_a_book_that_is_not_in_sync_is_not_shown(state):
    frame = frame_of(make([BOOK, BOOK]), state=state, has_book=False)
    assert math.isnan(frame.mid)
    assert not frame.old
    assert frame.reach.levels == 0
    assert math.isnan(frame.signal)
    assert np.isnan(frame.ladder.price).all()
    assert frame.states == 2


def test_a_book_that_comes_late_is_shown_as_old_everywhere():
    late, live = (frame_of(make([BOOK, BOOK]), state=state) for state in ("stale", "live"))
    assert (late.old, live.old) == (True, False)
    assert (late.mid, late.spread, late.signal) == (live.mid, live.spread, live.signal)
    np.testing.assert_array_equal(late.ladder.price, live.ladder.price)
    assert late.reach == live.reach
    assert late.reach.levels == 2
    assert not frame_of(nothing(3), state="stale").old, "there is no number"


@pytest.mark.parametrize(
    "changes", [{"state": "closed"}, {"state": "gap", "has_book": False, "paused": True}]
)
def test_the_last_book_stays_when_the_feed_has_ended_or_is_paused(changes):
    frame = frame_of(make([BOOK]), **changes)
    assert frame.mid == pytest.approx(100.05)
    assert frame.signal > 0


def test_a_newest_state_with_one_side_has_no_mid_and_warns_of_nothing():
    frame = frame_of(make([BOOK, (BOOK[0], ([], []))]))
    assert math.isnan(frame.mid)
    assert math.isnan(frame.spread)
    assert np.isnan(frame.ladder.price).all()


def test_a_band_without_a_level_leaves_no_imbalance():
    frame = frame_of(make([BOOK]), Parameters(band_bps=0.001))
    assert math.isnan(frame.signal)
    assert frame.reach.levels == 0
    assert effect_of(make([BOOK]), Parameters(band_bps=0.001)) == (0, 0)


def test_the_ladder_is_the_newest_state(history):
    ladder = Ladder.of(history, Parameters(decay=0.5, depth=10))
    assert ladder.price.shape == (2, LADDER)
    np.testing.assert_array_equal(ladder.price[0], history.prices(+1)[-1, :LADDER])
    np.testing.assert_array_equal(ladder.size[1], history.sizes(-1)[-1, :LADDER])
    distance = 1e4 * np.abs(ladder.price - history.mid[-1]) / history.mid[-1]
    np.testing.assert_allclose(ladder.weight[:, :10], np.exp(-0.5 * distance[:, :10]), rtol=1e-9)
    assert (ladder.weight[:, 10:] == 0).all()


def test_at_depth_1_decay_can_change_nothing(history):
    for decay in (0.0, 0.1, 20.0):
        parameters = Parameters(decay=decay, depth=1)
        assert effect_of(history, parameters) == (0, 0)
        assert Reach.of(history, parameters).levels == 1


def test_reach_is_that_of_the_deepest_level(history):
    reach = Reach.of(history, Parameters(decay=0.1, depth=10))
    away = [
        1e4 * abs(history.prices(side)[-1, 9] - history.mid[-1]) / history.mid[-1]
        for side in (+1, -1)
    ]
    assert reach.levels == 10
    assert reach.bps == pytest.approx(max(away))
    assert reach.weight == pytest.approx(math.exp(-0.1 * max(away)))


@pytest.mark.parametrize("decay", [0.0, 0.1, 2.0, 100.0])
def test_the_effect_of_decay_is_against_no_decay(history, decay):
    parameters = Parameters(decay=decay, depth=50)
    mean, most = effect_of(history, parameters)
    with_it, without = (
        obi.imbalance(history[-100:], parameters.replace(decay=some)) for some in (decay, 0.0)
    )
    change = np.abs(with_it - without)
    assert mean == pytest.approx(change.mean(), abs=1e-12)
    assert most >= change.max() - 1e-12


def test_decay_that_matters_only_in_the_middle_is_found():
    """Neither no decay nor all of it leans: the best levels are equal, and the sums of all."""
    bids, asks = (
        ([10_000, 9_999, 9_900], [1.0, 10.0, 1.0]),
        ([10_001, 10_002, 10_100], [1, 1, 10.0]),
    )
    history = make([(bids, asks)])
    ends = [obi.imbalance(history, Parameters(decay=decay))[0] for decay in (0.0, 100.0)]
    assert ends == [0, 0]
    assert effect_of(history, Parameters(decay=0.0)).largest > 0.5


def test_the_price_axis_does_not_jump_and_is_anew_for_another_window():
    maker = FrameMaker()
    states = [(([1000 + n % 3], [1.0]), ([1002 + n % 3], [1.0])) for n in range(90)]
    ranges = {frame_of(make(states[:n]), maker=maker).price_range for n in range(5, 90)}
    assert len(ranges) == 1
    frame_of(make([(([500], [1.0]), ([2000], [1.0]))]), maker=maker)
    anew = frame_of(make(states), maker=maker, time_range=TimeRange(300.0))
    assert anew.price_range == frame_of(make(states), time_range=TimeRange(300.0)).price_range


# -- looking back --------------------------------------------------------------------------


def test_looking_back_shows_what_was_shown_then(history):
    """The lines of a window that ended earlier are those of a history that ended there."""
    for share in (0.3, 0.55, 0.9):
        row = int(share * len(history))
        end = int(history.time[row])
        back = frame_of(history, time_range=TimeRange(60.0, end))
        then = frame_of(history[: row + 1], time_range=TimeRange(60.0))
        assert back.looking_back
        assert not then.looking_back
        assert back.window == then.window
        # The column that was not over then has been completed since.
        for now, before in (
            (back.price, then.price),
            (back.signals[0].line, then.signals[0].line),
        ):
            count = len(before[0]) - 3
            np.testing.assert_array_equal(now[0][:count], before[0][:count])
            np.testing.assert_array_equal(now[1][:count], before[1][:count])
        assert back.mid == (history.bid[-1] + history.ask[-1]) / 2  # the status stays the newest


@pytest.mark.parametrize("rows", [1, 2, 90])
def test_a_look_at_what_is_not_kept_shows_the_oldest_that_is(rows):
    history = make([BOOK] * rows)
    frame = frame_of(history, time_range=TimeRange(5.0, 1))
    assert frame.looking_back
    assert frame.window.start < history.time[0] < frame.window.end
    assert np.isfinite(frame.price[1]).all()
    assert len(frame.price[1])


def test_entries_that_would_end_too_late_are_not_told(history):
    coarse = replace(history, interval=0.5)
    rows, note = effects.results(frame_of(coarse, Parameters(hold_seconds=4.9)))
    assert [value for _, value, _ in rows] == [formatting.NOTHING] * 4
    assert note == (
        "Not shown: the history keeps one state every 0.5 s, so exits would come too late. "
        "Set the hold to 5 s or longer."
    )
    told = frame_of(coarse, Parameters(hold_seconds=5.0))
    rows, note = effects.results(told)
    assert rows[0][1] == f"{told.results.entries:,}" != "0"
    assert not note.startswith("Not shown")


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        (["hours"], "The gate “Hours” is on,"),
        (["hours", "spread"], "The gates “Hours” and “Spread” are on,"),
        (["depth", "hours", "spread"], "The gates “Depth”, “Hours” and “Spread” are on,"),
        (
            ["depth", "hours", "spread", "volatility"],
            "The gates “Depth”, “Hours” and 2 more are on,",
        ),
    ],
)
def test_without_entries_the_gates_that_are_on_are_named(history, gates, said):
    parameters = Parameters(threshold=1.0, gates=gates)
    _, note = effects.results(frame_of(history, parameters))
    assert note.startswith(f"No entry. {said} and closed also while too little is known:")
    _, note = effects.results(frame_of(history, Parameters(threshold=1.0)))
    assert not note


def test_the_levels_whose_flow_a_signal_reads_are_levels_in_use(history):
    for depth in (1, 5):
        parameters = Parameters("order_flow_imbalance", depth=depth)
        frame = frame_of(history, parameters)
        assert frame.reach.levels == depth
        assert ((frame.ladder.weight > 0).sum(axis=1) == depth).all()
        assert effects.depth_effect(depth, frame.reach).text.startswith("Deepest: ")
        assert parameters.levels_used.depth == 1, "no size of a further level is needed"


def test_the_levels_that_states_have_are_looked_at_again_only_for_others(history, monkeypatch):
    found, look = [], Covered.of
    monkeypatch.setattr(Covered, "of", lambda *given: found.append(given) or look(*given))
    reach = np.full((2, len(history)), 0.5, np.float32)
    limited, maker = replace(history, reach=reach), FrameMaker()
    for settings, seconds, looks in (
        ({"decay": 0.1}, 60.0, 1), ({"decay": 0.9}, 60.0, 1), ({"depth": 20}, 60.0, 2),
        ({"depth": 20}, 30.0, 3), ({"depth": 20, "decay": 0.3}, 30.0, 3),
    ):  # fmt: skip
        parameters, shown = Parameters(**settings), {"time_range": TimeRange(seconds)}
        kept = frame_of(limited, parameters, maker, **shown).reach
        assert len(found) == looks
        assert kept == frame_of(limited, parameters, **shown).reach
        assert kept.inferred > 0
        found.pop()  # of the frame that kept nothing


def test_a_warning_is_of_the_settings_that_it_was_given_for(history, monkeypatch):
    """Frame by frame: one that was given stays, and other settings are judged anew."""
    effects = [0.03, 0.019, 0.03, 0.03, 0.03]
    left = iter(effects)
    monkeypatch.setattr(ImbalanceInsight, "decay_effect", lambda *_: DecayEffect(next(left), 0.5))
    maker, warnings = FrameMaker(), []
    for number, decay in enumerate([0.1, 0.1, 0.1, 0.2, 0.1]):
        part = history[: 500 + 100 * number]  # seconds later
        frame = frame_of(part, Parameters(decay=decay), maker)
        warnings.append(frame.reach.notes["decay"].warning)
    assert warnings == [False, True, True, False, False]
    assert not list(left), "each was judged"
