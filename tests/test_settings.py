"""Settings: what they refuse and what they say; observing; from many threads."""

from __future__ import annotations

import math
import threading
from decimal import Decimal

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.errors import SettingsError
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.imbalance_insight import half_weight_bps

NAN, INF = float("nan"), float("inf")

ALLOWED = {
    "decay": "Give a number from 0 to 100 per bp.",
    "depth": "Give a number from 1 to 50 levels, or None for all levels.",
    "band_bps": "Give a number from 0.001 to 10000 bps, or None for no band.",
    "weighting": "Give 'size' or 'notional'.",
    "threshold": "Give a number from 0 to 1.",
    "hold_seconds": "Give a number from 0.1 to 86400 seconds.",
    "price": "Give 'touch' or 'mid'.",
    "fee_bps": "Give a number from -100 to 1000 bps.",
    "execution": "Give 'taker' or 'post_only'.",
    "wait_seconds": "Give a number from 0.1 to 3600 seconds.",
    "maker_fee_bps": "Give a number from -100 to 1000 bps.",
    "latency_ms": "Give a number from 0 to 10000 ms.",
    "slippage_bps": "Give a number from 0 to 10000 bps, or None for no limit.",
    "size": "Give a number from 1e-38 to 3e+38 base units, or None for any size.",
}
BOUNDS = {
    "decay": (0, 100),
    "depth": (1, 50),
    "band_bps": (0.001, 10_000),
    "threshold": (0, 1),
    "hold_seconds": (0.1, 86_400),
    "fee_bps": (-100, 1_000),
    "wait_seconds": (0.1, 3_600),
    "maker_fee_bps": (-100, 1_000),
    "latency_ms": (0, 10_000),
    "slippage_bps": (0, 10_000),
    "size": (1e-38, 3e38),
}
NAMES = (
    "band_bps, decay, deceleration_seconds, depth, entry_rule, execution, exit_deceleration, "
    "exit_fade, exit_flip, fee_bps, fees, gates, hold_seconds, latency_ms, least_weight, "
    "maker_fee_bps, most_per_hour, price, quantile_window, signal, size, size_by, slippage_bps, "
    "stop_bps, stop_by, target_bps, threshold, threshold_is, transition_seconds, wait_seconds, "
    "weighting"
)


class Awkward:
    def __float__(self):
        return 1.0

    def __repr__(self):
        return "Awkward()"


WRONG = [
    NAN, INF, -INF, "1", "", b"1", True, False, np.True_, [], [1], {}, 1j, object, Awkward(),
    10**400, np.array([1.0]), Decimal(1),
]  # fmt: skip


def refusal(name, value):
    settings = obi.Settings()
    before = getattr(settings, name)
    with pytest.raises(SettingsError) as error:
        setattr(settings, name, value)
    assert getattr(settings, name) == before
    with pytest.raises(SettingsError) as at_making:
        obi.Settings(**{name: value})
    assert str(at_making.value) == str(error.value)
    assert isinstance(error.value, ValueError)
    return str(error.value)


def test_the_defaults_are_those_of_the_design():
    assert repr(obi.Settings()) == (
        "Settings(signal='imbalance', decay=0.1, depth=10, band_bps=None, weighting='size', "
        "threshold=0.4, threshold_is='value', hold_seconds=20.0, price='touch', fee_bps=5.0)"
    )
    assert obi.Settings().parameters == Parameters()


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_are_within_and_what_lies_beyond_is_not(name):
    low, high = BOUNDS[name]
    for value in (low, high):
        assert getattr(obi.Settings(**{name: value}), name) == value
    beyond = (low - 1, high + 1) if name == "depth" else (
        math.nextafter(low, -INF), math.nextafter(high, INF)
    )  # fmt: skip
    for value in beyond:
        assert refusal(name, value) == f"{name} = {value!r} is not possible. {ALLOWED[name]}"


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("value", WRONG, ids=range(len(WRONG)))
def test_what_is_no_number_is_refused(name, value):
    shown = repr(value)
    shown = shown if len(shown) <= 100 else f"{shown[:99]}…"
    assert refusal(name, value) == f"{name} = {shown} is not possible. {ALLOWED[name]}"


@pytest.mark.parametrize("name", ["weighting", "price"])
@pytest.mark.parametrize("value", ["Size", "", None, 1, [], np.array(["size"]), NAN])
def test_what_is_none_of_the_words_is_refused(name, value):
    assert refusal(name, value) == f"{name} = {value!r} is not possible. {ALLOWED[name]}"


@pytest.mark.parametrize(("name", "off"), [("depth", True), ("band_bps", True), ("decay", False)])
def test_none_is_off_where_that_means_something(name, off):
    if off:
        assert getattr(obi.Settings(**{name: None}), name) is None
    else:
        assert refusal(name, None) == f"{name} = None is not possible. {ALLOWED[name]}"


def test_depth_is_whole():
    assert refusal("depth", 2.5) == f"depth = 2.5 is not possible. {ALLOWED['depth']}"
    for value in (3, 3.0, np.int64(3), np.float32(3)):
        depth = obi.Settings(depth=value).depth
        assert depth == 3
        assert type(depth) is int


def test_numbers_of_numpy_become_plain_floats():
    for value in (np.float64(0.5), np.float32(0.5), np.int8(1)):
        assert type(obi.Settings(decay=value).decay) is float


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("deph", "Did you mean 'depth'?"),
        ("treshold", "Did you mean 'threshold'?"),
        ("fee", "Did you mean 'fee_bps'?"),
        ("xyz", f"Known are: {NAMES}."),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(name, advice):
    text = f"The signal imbalance has no setting {name!r}. {advice}"
    with pytest.raises(SettingsError) as error:
        obi.Settings(**{name: 1})
    assert str(error.value) == text
    settings = obi.Settings()
    with pytest.raises(SettingsError) as error:
        setattr(settings, name, 1)
    assert str(error.value) == text


@pytest.mark.parametrize("name", ["parameters", "provenance", "save", "observe"])
def test_what_is_no_setting_is_not_taken_as_one(name):
    with pytest.raises(SettingsError, match=f"has no setting '{name}'"):
        obi.Settings(**{name: 1})


def test_observers_are_told_of_changes_and_of_nothing_else():
    settings, told = obi.Settings(), []
    settings.observe(lambda change: told.append((change.name, change.old, change.new)))
    settings.decay = 0.2
    settings.decay = 0.2
    settings.depth = None
    with pytest.raises(SettingsError):
        settings.decay = -1
    assert told == [("decay", 0.1, 0.2), ("depth", 10, None)]


def test_update_takes_all_values():
    settings, told = obi.Settings(decay=3), []
    settings.observe(lambda change: told.append(change.name))
    other = obi.Settings(decay=1, depth=None, weighting="notional")
    settings.update(other)
    assert settings == other
    assert told == ["decay", "depth", "weighting"]
    settings.update(Parameters())
    assert settings == obi.Settings()


def test_equal_settings_have_equal_values():
    assert obi.Settings(decay=1) == obi.Settings(decay=1.0)
    assert obi.Settings(decay=1) != obi.Settings(decay=2)
    assert obi.Settings() != Parameters()
    assert len({obi.Settings(), obi.Settings()}) == 2  # they change: each is itself


def test_parameters_are_of_the_moment():
    settings = obi.Settings()
    parameters = settings.parameters
    settings.decay = 5
    assert parameters.decay == 0.1
    assert Parameters.of(settings).decay == 5
    assert Parameters.of(parameters) is parameters


def test_the_distance_of_half_the_weight():
    assert half_weight_bps(0.1) == pytest.approx(6.931, abs=1e-3)
    assert half_weight_bps(0.0) == INF


def test_settings_are_assigned_from_many_threads():
    settings, told, problems = obi.Settings(), [], []
    settings.observe(lambda change: told.append(change.name))

    def assign(seed):
        for n in range(300):
            try:
                settings.decay = (seed * 300 + n) / 100
                settings.depth = 1 + n % 50
                if not 0 <= settings.parameters.decay <= 100:
                    problems.append(settings.parameters)
                with pytest.raises(SettingsError):
                    settings.threshold = 2 + n
            except Exception as error:  # noqa: BLE001 (a thread's would be lost)
                problems.append(error)

    threads = [threading.Thread(target=assign, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert set(told) == {"decay", "depth"}
    assert settings.threshold == 0.4
    assert settings.depth == 50
