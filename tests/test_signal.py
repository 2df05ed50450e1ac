"""What a signal declares, and that it is computed the same whole and appended to."""

import pickle
from typing import Annotated

import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.errors import HistoryError, SettingsError
from obi_widgets.parameters import Band, Bps, Choice, Levels, Parameter, Seconds
from obi_widgets.signals.chunks import chunk_length
from obi_widgets.signals.coverage import LevelsUsed
from obi_widgets.signals.registry import find, names
from obi_widgets.signals.signal import signal
from obi_widgets.signals.transforms import difference, smooth, velocity, weighted_sum, zscore

SECOND = 10**9


@signal(needs="touch", range=(-1, 1))
def queue(history):
    """Return bid size against ask size."""
    bids, asks = history.sizes(+1)[:, 0].astype(float), history.sizes(-1)[:, 0].astype(float)
    return (bids - asks) / (bids + asks)


@signal(unit="bps")
def deep(
    history, *, depth: Levels(1, 50) = 3, band: Annotated[object, Band(0, 50, off="none")] = None
):
    """Return how far the depth reaches.

    More is told here.

    Parameters
    ----------
    depth : int
        Levels a side,
        best first.
    band : float
        Bps.
    """
    return np.full(len(history), float(depth))


@signal(needs="touch", lookback="window")
def moved(history, *, window: Seconds(1, 600) = 5.0):
    """Return how far mid has moved in the window."""
    rows = np.searchsorted(history.time, history.time - round(window * 1e9), "right") - 1
    return np.where(rows >= 0, history.mid - history.mid[np.maximum(rows, 0)], np.nan)


def tape(states=30_000, seed=0, interval=0.1, gaps=3):
    """Return a tape of one level a side with times that are not even, and gaps."""
    random = np.random.default_rng(seed)
    time = np.cumsum(random.integers(1, 2 * 10**8, states)) + 1_700_000_000 * SECOND
    mid = 1000 + np.cumsum(random.integers(-1, 2, states))
    size = random.integers(1, 100, (2, states)).astype(float)
    bid, ask = mid - 1.0, mid + 1.0
    for at in random.integers(0, states, gaps):
        bid[at : at + 5] = ask[at : at + 5] = np.nan
    return obi.History.from_arrays(
        time, bid, size[0], ask, size[1], tick_size=1.0, interval=interval
    )


def test_a_signal_tells_what_it_is():
    assert repr(queue) == "<Signal queue; -1 to 1>"
    assert repr(deep) == "<Signal deep: depth, band; bps>"
    assert (queue.name, queue.title, queue.description) == (
        "queue", "Queue", "Return bid size against ask size.",
    )  # fmt: skip
    assert queue.needs == {"touch"}
    assert queue.__doc__ == "Return bid size against ask size."
    assert deep.parameters["depth"].description == "Levels a side, best first."
    assert deep.parameters["band"].kind == Band(0, 50, off="none")
    assert deep.parameters["band"].default is None
    assert (moved.lookback({"window": 7.0}), queue.lookback({})) == (7.0, 0.0)


def test_which_levels_it_rests_on():
    assert queue.levels_used({}) == LevelsUsed(1)
    assert deep.levels_used({"depth": 4, "band": None}) == LevelsUsed(4)
    assert deep.levels_used({"depth": 4, "band": 2.0}) == LevelsUsed(4, 2.0)
    history = tape(50, gaps=0)
    assert np.isfinite(queue(history)).all()
    assert np.isnan(deep(history)).all()  # one level is kept, and it rests on three
    assert (deep(history, depth=1) == 1).all()


def test_values_are_checked():
    with pytest.raises(SettingsError, match=r"depth = 51 is not possible. Give a number from 1 to"):
        deep(tape(10), depth=51)
    with pytest.raises(SettingsError, match=r"The signal deep has no parameter 'dept'. Did you"):
        deep(tape(10), dept=5)
    with pytest.raises(SettingsError, match=r"The signal queue has no parameter 'x'. Give it none"):
        queue(tape(10), x=5)


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (
            lambda _, *, window: window,
            "parameter window of named has no kind. Annotate it",
        ),
        (lambda _, *, window=3: window, "parameter window of named has no kind"),
    ],
)
def test_what_cannot_be_declared(function, match):
    function.__name__ = "named"
    with pytest.raises(SettingsError, match=match):
        signal(function)


def test_what_cannot_be_a_signal():
    def kind(history, *, window: Seconds(1, 5)): ...

    def default(history, *, window: Seconds(1, 5) = 9): ...

    def unknown(history, *, window: "Nowhere(1)" = 9): ...  # noqa: F821

    with pytest.raises(SettingsError, match=r"window of kind has no default. Give it one"):
        signal(kind)
    with pytest.raises(SettingsError, match=r"window = 9 is not possible. Give a number from 1"):
        signal(default)
    with pytest.raises(SettingsError, match=r"annotation of window in unknown cannot be read"):
        signal(unknown)
    with pytest.raises(SettingsError, match=r"'<lambda>' is not a valid signal name"):
        signal(lambda history: history.mid)
    for name in ("mid", "age", "spread_bps", "bid_size_2", "order_flow_10"):
        with pytest.raises(SettingsError, match=rf"A signal cannot be named {name}: to_frame\(\)"):
            signal(name=name)(queue.function)
    with pytest.raises(SettingsError, match=r"A int is not a function"):
        signal(3)
    with pytest.raises(SettingsError, match=r"needs = 'books' is not possible. Give one"):
        signal(needs="books")(queue.function)
    with pytest.raises(SettingsError, match=r"lookback = 'time' names no parameter of"):
        signal(lookback="time")(queue.function)
    with pytest.raises(SettingsError, match=r"range"):
        signal(range=(1, -1))(queue.function)


def test_what_a_function_returns_is_checked():
    history = tape(10, gaps=0)
    for returned, error, match in (
        ("text", SettingsError, "The signal f returned a str. Return an array"),
        (np.zeros(9), HistoryError, r"returned the shape \(9,\), and the history has \(10,\)"),
        (np.full(10, np.inf), SettingsError, "The signal f is infinite in row 0"),
    ):

        def f(_, returned=returned):
            return returned

        with pytest.raises(error, match=match):
            signal(name="f")(f)(history)


def test_what_looks_back_is_nan_until_its_window_is_full_and_after_a_gap():
    history = tape(5000, seed=3)
    values = moved(history, window=20)
    gone = np.isnan(history.bid)
    assert gone.sum() >= 10
    assert np.isnan(values[gone]).all()
    began = history.time[0]
    for row in range(len(history)):
        if row and gone[row - 1]:
            began = history.time[row]
        if gone[row]:
            continue
        full = history.time[row] - began >= 20 * SECOND
        assert np.isfinite(values[row]) == full
        if full:
            then = np.searchsorted(history.time, history.time[row] - 20 * SECOND, "right") - 1
            assert values[row] == history.mid[row] - history.mid[then]


SUMMED = weighted_sum([queue, moved], [1.0, 0.5])
LOOKING_BACK = [
    (moved, {"window": 5.0}), (zscore(queue), {"window": 30.0}), (smooth(queue), {"window": 3.0}),
    (smooth(zscore(moved)), {"window": 4.0, "zscore_window": 60.0, "smooth_window": 2.0}),
    (velocity(queue), {"window": 1.0}), (SUMMED, {"moved_weight": 2.0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("which", "values"), LOOKING_BACK, ids=lambda one: getattr(one, "name", "")
)
def test_appended_to_it_is_to_the_bit_what_the_whole_is(which, values):
    history = tape(30_000, seed=5)
    whole = which(history, **values)
    assert np.isfinite(whole).mean() > 0.8
    checked = which.check(values)
    for cut in (0, 1, 4095, 4096, 9000, 17_003, 29_999):
        known = which.compute(history[: cut + 1], checked)
        np.testing.assert_array_equal(known, whole[: cut + 1])
    # What has been dropped takes a window with it, and nothing else.
    later = history[7000:]
    full = later.time - later.time[0] >= round(which.lookback(checked) * 1e9)
    found = which.compute(later, checked)
    np.testing.assert_allclose(found[full], whole[7000:][full], rtol=1e-9, atol=1e-9)


def test_threads_do_not_change_it(monkeypatch):
    history = tape(30_000, seed=6)
    alone = zscore(queue)(history, window=10)
    monkeypatch.setattr("obi_widgets.signals.chunks.PARALLEL", 1)
    np.testing.assert_array_equal(zscore(queue)(history, window=10), alone)


def test_chunks_are_about_as_long_as_the_look_back():
    assert chunk_length(10, 0.1) == 4096
    assert chunk_length(409.6, 0.1) == 4096
    assert chunk_length(410, 0.1) == 8192
    assert chunk_length(3600, 0.1) == 65_536
    assert chunk_length(3600, 0.0) == 524_288


def test_transforms_are_those_of_pandas():
    history = tape(4000, seed=7, gaps=0)
    times = pd.to_datetime(history.time)
    values = pd.Series(queue(history), times)
    rolling = values.rolling("15s")  # open at the beginning, closed at the end
    full = history.time - history.time[0] >= 15 * SECOND
    expected = {
        smooth(queue): rolling.mean(),
        zscore(queue): (values - rolling.mean()) / rolling.std(ddof=0),
    }
    before = values.asof(times - pd.Timedelta("15s")).to_numpy()
    expected[difference(queue)] = values - before
    expected[velocity(queue)] = (values - before) / 15
    for which, wanted in expected.items():
        found = which(history, window=15)
        assert np.isnan(found[~full]).all()
        np.testing.assert_allclose(found[full], np.asarray(wanted)[full], rtol=1e-9, atol=1e-9)


def test_a_signal_that_does_not_move_has_no_score():
    history = obi.History.from_arrays(
        np.arange(100) * SECOND + 10**18, np.full(100, 9.0), np.ones(100), np.full(100, 10.0),
        np.ones(100), tick_size=1.0,
    )  # fmt: skip
    assert np.isnan(zscore(queue)(history, window=5)).all()
    assert (smooth(queue)(history, window=5)[5:] == 0).all()


def test_names_and_parameters_of_transforms():
    twice = zscore(smooth(moved))
    assert twice.name == "zscore(smooth(moved))"
    assert list(twice.parameters) == ["window", "smooth_window", "zscore_window"]
    assert twice.lookback({"window": 5.0, "smooth_window": 2.0, "zscore_window": 60.0}) == 67.0
    assert (twice.unit, twice.range, smooth(queue).range) == ("sd", None, (-1, 1))
    assert velocity(deep).unit == "bps/s"
    assert zscore(deep).levels_used({"depth": 4, "band": None, "window": 5.0}) == LevelsUsed(4)
    assert SUMMED.needs == {"touch"}
    assert list(SUMMED.parameters) == ["window", "queue_weight", "moved_weight"]
    both = weighted_sum([queue, deep], [1, -1])
    assert (both.name, both.needs) == ("sum(queue, deep)", {"touch", "levels"})
    assert both.levels_used(both.check({})) == LevelsUsed(3)
    np.testing.assert_array_equal(
        SUMMED(tape(300), moved_weight=0.0, window=1),
        queue(tape(300)) + 0 * moved(tape(300), window=1),
    )


def test_signals_are_found_by_name():
    assert find("imbalance") is obi.imbalance
    assert find("queue") is queue
    nested = find(" sum( zscore(queue),smooth(imbalance) ) ")
    assert nested.name == "sum(zscore(queue), smooth(imbalance))"
    assert nested == weighted_sum([zscore(queue), smooth(obi.imbalance, window=10)], [1, 1])
    assert nested != weighted_sum([zscore(queue), smooth(obi.imbalance)], [1, 2])
    assert zscore(queue, window=5) != zscore(queue)
    for one in (obi.imbalance, queue, nested, zscore(smooth(moved), window=33)):
        again = pickle.loads(pickle.dumps(one))
        assert again == one
        assert hash(again) == hash(one)
    assert {"imbalance", "queue", "moved"} <= set(names())


@pytest.mark.parametrize(
    ("name", "match"),
    [
        (
            "imbalanec",
            r"There is no signal 'imbalanec'. Did you mean 'imbalance'\? Define",
        ),
        ("zscor(queue)", r"There is no transform 'zscor'. Did you mean 'zscore'"),
        ("zscore(queue", r"'zscore\(queue' is not a valid signal name. Write 'imbalance'"),
        ("zscore(queue))", "is not a valid signal name"),
        ("zscore()", "is not a valid signal name"),
        ("", "is not a valid signal name"),
        (
            "zscore(queue, moved)",
            "zscore takes one signal, and 2 were given. Use sum to combine several",
        ),
        (3, "3 is not a signal. Known are: "),
        ("zscore(" * 200, "is not a signal"),
    ],
)
def test_a_name_that_is_not_known(name, match):
    with pytest.raises(SettingsError, match=match):
        find(name)


def test_one_of_your_own_replaces_the_one_before_and_never_one_of_ours():
    @signal(name="own", needs="touch")
    def first(history):
        return history.mid

    assert find("own") is first
    second = signal(name="own", needs="touch")(lambda history: history.spread)
    assert find("own") is second
    for name in ("imbalance", "zscore"):
        with pytest.raises(
            SettingsError, match=f"built-in signal or transform has the name '{name}'"
        ):
            signal(name=name)(lambda history: history.mid)


def test_what_cannot_be_transformed():
    with pytest.raises(SettingsError, match=r"'mid' is not a signal. Give a signal"):
        zscore("mid")
    with pytest.raises(SettingsError, match=r"window = 0 is not possible. Give a number from 1 to"):
        zscore(queue, window=0)
    with pytest.raises(SettingsError, match=r"signals has no values. Give at least one"):
        weighted_sum([], [])
    for signals, weights in (([queue, queue], [1, 1]), ([queue], [1, 2])):
        with pytest.raises(SettingsError, match=r"do not fit the signals queue"):
            weighted_sum(signals, weights)


def test_kinds_say_what_they_allow():
    for kind, allowed in (
        (Bps(0, 10, off="no band"), "a number from 0 to 10 bps, or None for no band"),
        (Seconds(), "a number from 0.1 to 86400 seconds"),
        (Choice("size", "notional"), "'size' or 'notional'"),
    ):
        assert kind.allowed == allowed
    for kind, bad in (
        (Levels(), (0, 51, 1.5, True, "3", None, float("nan"), 10**400)),
        (Choice("size", "notional"), ("Size", 3, None)),
        (Bps(0, 10), (None, -1, 11, "x")),
    ):
        for value in bad:
            with pytest.raises(SettingsError, match=r"x = .* is not possible"):
                Parameter("x", kind, None).check(value)
    for words in ((), ("",), ("a", 3), (None,)):
        with pytest.raises(SettingsError, match=r"A choice of .* is not possible. Give words"):
            Choice(*words)
    with pytest.raises(SettingsError, match=r"Bounds of 3 to 3 are not possible"):
        Bps(3, 3)


def test_a_title_has_abbreviations_in_capitals():
    assert obi.vpin.title == "VPIN"
    assert obi.vwap_deviation.title == "VWAP deviation"
    assert obi.trade_imbalance.title == "Trade imbalance"
