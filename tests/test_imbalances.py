"""The imbalance of several depths at once: each is that of the signal, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obi_widgets as obi


def test_each_column_is_the_signal_and_appended_equals_whole(history):
    table = obi.imbalances(history, levels=[1, 5, 10, 25], bps=[0.5], decay=0.1)
    names = [name for name in table if not name.endswith("inferred")]
    assert names == ["1 level", "5 levels", "10 levels", "25 levels", "0.5 bps"]
    for depth, name in zip((1, 5, 10, 25), names, strict=False):
        np.testing.assert_array_equal(table[name], obi.imbalance(history, depth=depth, decay=0.1))
    band = obi.imbalance(history, depth=None, band_bps=0.5, decay=0.1)
    np.testing.assert_array_equal(table["0.5 bps"], band)
    part = obi.imbalances(history[:700], levels=[1, 25], bps=[0.5], decay=0.1)
    np.testing.assert_array_equal(part, table[part.columns][:700])


def test_by_hand():
    history = obi.History.from_arrays(
        np.array([1_700_000_000_000_000_000]),
        np.array([[100.0, 99.0]]), np.array([[3.0, 1.0]]),
        np.array([[101.0, 102.0]]), np.array([[1.0, 3.0]]),
    )  # fmt: skip
    table = obi.imbalances(history, levels=[1, 2, 3])
    assert table["1 level"].item() == 0.5
    assert table["2 levels"].item() == 0.0
    assert np.isnan(table["3 levels"].item())  # two are kept
    notional = obi.imbalances(history, levels=[], bps=[60], weighting="notional")
    assert notional["60 bps"].item() == pytest.approx((300 - 101) / 401)


def test_what_is_beyond_the_known_range_is_told():
    whole = obi.simulate(seconds=20, levels=5, seed=1)
    reach = np.full((2, len(whole)), np.inf, np.float32)
    reach[:, 10:20] = 1e-3  # bps: not even the best levels
    history = replace(whole, reach=reach)
    table = obi.imbalances(history, levels=[1, 5])
    wanted = np.isin(np.arange(len(whole)), np.arange(10, 20))
    np.testing.assert_array_equal(table["5 levels inferred"], wanted)
    assert table["5 levels"].notna().all()
    strict = obi.imbalances(replace(history, strict=True), levels=[5])
    np.testing.assert_array_equal(strict["5 levels"].isna(), wanted)


def test_what_is_not_possible_is_refused():
    history = obi.simulate(seconds=5, levels=3, seed=1)
    for wrong in (
        {"levels": []}, {"levels": [0]}, {"levels": [51]}, {"bps": [0]}, {"decay": -1},
        {"weighting": "price"},
    ):  # fmt: skip
        with pytest.raises(obi.ObiError):
            obi.imbalances(history, **wrong)
