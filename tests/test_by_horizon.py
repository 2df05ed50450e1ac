"""Horizons that are computed some at a time: the same report, and less memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields, is_dataclass

import known_market
import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.calibration import by_horizon
from obi_widgets.calibration.by_horizon import grouped
from obi_widgets.calibration.statistics import ranks

HORIZONS = (1, 2, 5, 10, 20, 30, 60)


@pytest.fixture(scope="module")
def history():
    return known_market.history(1800, 4.0, 1)


def figures(found, name="report"):
    """Yield every value of a report, with its name."""
    if is_dataclass(found):
        for field in fields(found):
            yield from figures(getattr(found, field.name), f"{name}.{field.name}")
    elif isinstance(found, tuple):
        for number, one in enumerate(found):
            yield from figures(one, f"{name}[{number}]")
    else:
        yield name, found


def test_groups_hold_every_horizon_once():
    horizons = np.array([1.0, 2.0, 5.0, 10.0, 20.0])
    for states, sizes in ((0, [5]), (10, [5]), (1_500_000, [2, 2, 1]), (10**8, [1] * 5)):
        groups = grouped(horizons, states)
        assert [len(one) for one in groups] == sizes
        assert np.concatenate(groups).tolist() == horizons.tolist()


@pytest.mark.parametrize("changes", [{}, {"latency_ms": 150.0, "size": 0.5}])
def test_the_report_is_the_same_to_the_bit(history, changes, monkeypatch):
    settings = obi.Settings(threshold=0.3, **changes)
    parts = [history[:5000], history[5200:]]
    whole = dict(figures(obi.calibrate(parts, settings, horizons=HORIZONS)))
    for most in (1, 3 * len(history)):
        monkeypatch.setattr(by_horizon, "MOST", most)
        monkeypatch.setattr(ranks, "ROWS", 777)
        found = dict(figures(obi.calibrate(parts, settings, horizons=HORIZONS)))
        assert found.keys() == whole.keys()
        for name, value in found.items():
            np.testing.assert_array_equal(value, whole[name], err_msg=name, strict=True)


def test_memory_does_not_grow_with_the_number_of_horizons(history, monkeypatch):
    def needed(horizons):
        """Return the bytes a state that were needed beside what the report keeps."""
        tracemalloc.start()
        try:
            report = obi.calibrate(history, obi.Settings(threshold=0.3), horizons=horizons)
            kept, most = tracemalloc.get_traced_memory()
            return (most - kept) / report.states
        finally:
            tracemalloc.stop()

    needed(HORIZONS[:1])  # what is loaded once is no part of it
    at_once = needed(HORIZONS)
    monkeypatch.setattr(by_horizon, "MOST", 1)
    one, seven = needed(HORIZONS[:1]), needed(HORIZONS)
    assert seven - one < 0.25 * (at_once - one)
