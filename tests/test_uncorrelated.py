"""Which markets to hold together, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import obi_widgets as obi
from obi_widgets.errors import ArgumentError, HistoryError, SettingsError


def pairs(**bounds):
    """Return a table of correlations; ``AB=(0.1, 0.3)`` is that of A and B."""
    return pd.DataFrame([
        {"first": pair[0], "second": pair[1], "low": low, "high": high}
        for pair, (low, high) in bounds.items()
    ])  # fmt: skip


FOUR = pairs(
    AB=(0.6, 0.8), AC=(-0.1, 0.3), AD=(-0.9, -0.7), BC=(-0.2, 0.2), BD=(0, 0.1), CD=(0.1, 0.2)
)


def test_four_markets_by_hand():
    chosen = obi.uncorrelated(FOUR)
    assert chosen["market"].tolist() == ["A", "B", "C", "D"]
    assert chosen["taken"].tolist() == [True, False, True, False]
    assert chosen["because_of"].tolist() == ["", "A", "", "A"]
    np.testing.assert_allclose(chosen["largest"], [np.nan, 0.8, 0.3, 0.9])
    assert chosen["says"].tolist() == [
        "", "Its correlation with A may be 0.80.", "", "Its correlation with A may be 0.90.",
    ]  # fmt: skip


def test_the_whole_interval_has_to_be_below():
    wide = pairs(AB=(0.0, 0.5))
    assert obi.uncorrelated(wide, below=0.51)["taken"].tolist() == [True, True]
    assert obi.uncorrelated(wide, below=0.5)["taken"].tolist() == [True, False]


def test_only_those_that_are_chosen_keep_others_out():
    chain = pairs(AB=(0.8, 0.9), AC=(0, 0.1), BC=(0.8, 0.9))
    assert obi.uncorrelated(chain)["taken"].tolist() == [True, False, True]


def test_the_largest_of_those_chosen_is_told():
    close = pairs(AB=(0, 0.1), AC=(0, 0.6), BC=(0, 0.7))
    last = obi.uncorrelated(close).iloc[-1]
    assert last["because_of"] == "B"
    assert last["largest"] == 0.7


def test_what_is_not_known_is_left_out():
    unknown = pairs(AB=(np.nan, np.nan), AC=(0, 0.1), BC=(0, 0.1))
    chosen = obi.uncorrelated(unknown)
    assert chosen["taken"].tolist() == [True, False, True]
    assert chosen["says"][1] == "Its correlation with A is not known."
    assert np.isnan(chosen["largest"][1])


def test_no_more_than_were_asked_for():
    chosen = obi.uncorrelated(FOUR, below=0.95, most=2)
    assert chosen["taken"].tolist() == [True, True, False, False]
    assert chosen["says"][2] == "2 are chosen already."
    assert chosen["because_of"].tolist() == [""] * 4


def test_of_histories_the_same_market_is_chosen_once():
    one, other = (obi.simulate(seconds=120, levels=5, seed=seed) for seed in (1, 2))
    alike = obi.correlations({"one": one, "other": other, "one again": one})
    chosen = obi.uncorrelated(alike)
    assert chosen.loc[chosen["taken"], "market"].tolist() == ["one", "other"]
    assert chosen["because_of"].iloc[2] == "one"


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ([0.1], ArgumentError, "[0.1] is no table. Give what obi.correlations or"),
        (FOUR.drop(columns="low"), ArgumentError, "The table has no column low."),
        (FOUR.iloc[:0], HistoryError, "The table has no pairs."),
        (FOUR.assign(high="x"), ArgumentError, "low or high of the table are no numbers."),
        (FOUR.iloc[[0, 0]], HistoryError, "A pair is in the table twice, or a market with itself."),
        (pairs(AA=(1, 1)), HistoryError, "A pair is in the table twice, or a market with itself."),
        (pairs(AB=(0, 0.1), CD=(0, 0.1)), HistoryError, "There is no correlation of A and C."),
    ],
)
def test_what_is_no_table_of_pairs_is_refused(given, kind, said):
    with pytest.raises(kind) as error:
        obi.uncorrelated(given)
    assert said in str(error.value)


def test_bounds_are_checked():
    with pytest.raises(SettingsError, match="below = 1 is not possible"):
        obi.uncorrelated(FOUR, below=1)
    with pytest.raises(SettingsError, match="most = 0 is not possible"):
        obi.uncorrelated(FOUR, most=0)
