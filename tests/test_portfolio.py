"""Entries of several markets with a limit: by hand, against a plain loop, and wrong tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.calibration.portfolio import limited
from obi_widgets.errors import ArgumentError, HistoryError

START = pd.Timestamp("2026-01-05", tz="UTC")


def at(seconds):
    return pd.NaT if seconds is None else START + pd.Timedelta(seconds, unit="s")


def table(*rows):
    """Return entries, each (entry, exit or None, net gain, how it ended, weight)."""
    full = [(*row, *("held", 1.0)[len(row) - 3 :]) for row in rows]
    begin, left, net, ended, weight = zip(*full, strict=True) if full else [()] * 5
    net = np.array(net, float)
    return pd.DataFrame({
        "side": np.ones(len(net), np.int64),
        "entry_time": pd.to_datetime([at(one) for one in begin], utc=True),
        "exit_time": pd.to_datetime([at(one) for one in left], utc=True),
        "gross_bps": net + 2,
        "net_bps": net,
        "weight": np.array(weight, float),
        "ended": list(ended),
    })  # fmt: skip


def taken(portfolio):
    """Return (market, second of the entry, taken) of each row."""
    seconds = (portfolio.entries["entry_time"] - START).dt.total_seconds()
    rows = zip(portfolio.entries["market"], seconds, portfolio.entries["taken"], strict=True)
    return [tuple(row) for row in rows]


BTC = table((0, 10, 4), (10, 20, -1), (30, 35, 2))
ETH = table((5, 12, 3), (12, 18, 5))
SOL = table((6, 30, 1), (32, 33, 9))


def test_a_limit_of_two_by_hand():
    portfolio = obi.portfolio({"BTC": BTC, "ETH": ETH, "SOL": SOL}, most=2)
    assert taken(portfolio) == [
        ("BTC", 0, True),
        ("ETH", 5, True),
        ("SOL", 6, False),  # BTC and ETH are open
        ("BTC", 10, True),  # its own place came back at 10
        ("ETH", 12, True),
        ("BTC", 30, True),
        ("SOL", 32, True),
    ]
    results = portfolio.results
    assert results["entries"].tolist() == [6, 1]
    assert results["net_bps"].tolist() == pytest.approx([22 / 6, 1])
    assert results["gross_bps"].tolist() == pytest.approx([22 / 6 + 2, 3])
    assert results["total_net_bps"].tolist() == [22, 1]
    assert results["won"].tolist() == [1, 1]
    assert results["low"].isna().all()  # fewer than 30
    assert portfolio.open_max == 2
    # 10 + 7 + 10 + 6 + 5 + 1 seconds within 35.
    assert portfolio.open_mean == pytest.approx(39 / 35)


def test_a_limit_of_one_by_hand():
    portfolio = obi.portfolio({"BTC": BTC, "ETH": ETH, "SOL": SOL}, most=1)
    assert [one for one in taken(portfolio) if one[2]] == [
        ("BTC", 0, True), ("BTC", 10, True), ("BTC", 30, True),
    ]  # fmt: skip
    assert portfolio.results["entries"].tolist() == [3, 4]
    assert portfolio.results["net_bps"].tolist() == pytest.approx([5 / 3, 18 / 4])
    assert portfolio.open_max == 1


def test_as_many_as_there_are_markets_is_no_limit():
    portfolio = obi.portfolio({"BTC": BTC, "ETH": ETH, "SOL": SOL}, most=3)
    assert portfolio.entries["taken"].all()
    assert portfolio.open_max == 3
    assert portfolio.results["entries"].tolist() == [7, 0]
    assert np.isnan(portfolio.results["net_bps"]["left out"])


def test_at_the_same_time_the_market_that_is_given_first_comes_first():
    one, other = table((0, 5, 1)), table((0, 9, 2))
    assert taken(obi.portfolio({"A": one, "B": other}, most=1))[0] == ("A", 0, True)
    assert taken(obi.portfolio({"B": other, "A": one}, most=1))[0] == ("B", 0, True)


def test_an_order_that_is_not_filled_takes_no_place_and_is_in_no_mean():
    unfilled = table((0, None, np.nan, "unfilled"), (3, 5, 1))
    portfolio = obi.portfolio({"A": unfilled, "B": table((1, 4, 2))}, most=1)
    assert taken(portfolio) == [("A", 0, True), ("B", 1, True), ("A", 3, False)]
    assert portfolio.results["unfilled"].tolist() == [1, 0]
    assert portfolio.results["entries"].tolist() == [1, 1]
    assert portfolio.open_mean == pytest.approx(3 / 5)


def test_a_position_that_a_gap_ended_keeps_its_place_until_the_next_entry_of_its_market():
    lost = table((0, None, np.nan, "gap"), (20, 25, 1))
    other = table((5, 6, 2), (20, 30, 3), (31, 32, 4))
    portfolio = obi.portfolio({"B": other, "A": lost}, most=1)
    assert taken(portfolio) == [
        ("A", 0, True), ("B", 5, False), ("B", 20, True), ("A", 20, False), ("B", 31, True),
    ]  # fmt: skip
    assert portfolio.results["unknown"].tolist() == [1, 0]
    assert portfolio.open_mean == pytest.approx((20 + 10 + 1) / 32)


def test_a_position_that_is_still_open_keeps_its_place_to_the_end():
    still = table((0, None, np.nan, "open"))
    portfolio = obi.portfolio({"A": still, "B": table((5, 6, 2), (8, 10, 2))}, most=1)
    assert [one[2] for one in taken(portfolio)] == [True, False, False]
    assert portfolio.open_mean == 1
    assert portfolio.results["entries"].tolist() == [0, 2]


def test_means_are_weighted_by_size():
    weighted = table((0, 5, 8, "held", 0.25), (5, 9, 2, "held", 1.0))
    results = obi.portfolio({"A": weighted}, most=1).results
    assert results.loc["taken", "net_bps"] == pytest.approx((0.25 * 8 + 2) / 1.25)
    assert results.loc["taken", "total_net_bps"] == 4


SPANS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.booleans()), max_size=12)


@pytest.mark.slow
@settings(max_examples=80)
@given(markets=st.lists(SPANS, min_size=1, max_size=4), most=st.integers(1, 4))
def test_against_a_plain_loop(markets, most):
    """Times are whole and few, so that many are equal; each market has one position at a time."""
    tables = {}
    for number, spans in enumerate(markets):
        rows, now = [], 0
        for wait, hold, filled in spans:
            begin, now = now + wait, now + wait + (hold if filled else 0)
            rows.append((begin, now, 1.0) if filled else (begin, None, np.nan, "unfilled"))
        tables[str(number)] = table(*rows)
    portfolio = obi.portfolio(tables, most=most)
    frame = portfolio.entries
    begin = (frame["entry_time"] - START).dt.total_seconds().to_numpy()
    end = (frame["exit_time"] - START).dt.total_seconds().to_numpy()
    place = (frame["ended"] == "held").to_numpy()
    wanted = []
    for row, time in enumerate(begin):
        open_then = [one for one in range(row) if wanted[one] and place[one] and end[one] > time]
        wanted.append(len(open_then) < most)
    assert frame["taken"].tolist() == wanted
    assert frame["entry_time"].is_monotonic_increasing
    held = [(begin[one], end[one]) for one in range(len(begin)) if wanted[one] and place[one]]
    assert portfolio.open_max <= most
    assert portfolio.results["entries"].sum() == place.sum()
    if len(begin) and (span := np.nanmax([*begin, *end]) - begin[0]):
        by_second = [sum(b <= t < e for b, e in held) for t in np.arange(begin[0], begin[0] + span)]
        assert portfolio.open_mean == pytest.approx(np.mean(by_second))
        assert portfolio.open_max >= max(by_second)


def test_places_come_back_at_the_time_of_the_exit_and_not_before():
    begin, filled = np.array([0, 4, 5]), np.ones(3, bool)
    row, at_once = limited(begin, np.array([5, 9, 9]), filled, 1)
    assert row.tolist() == [True, False, True]
    assert at_once == 1


# -- entries of histories ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables():
    rule = obi.Settings(depth=5, threshold=0.3, hold_seconds=2, fee_bps=0)
    return {
        f"market {seed}": obi.entries(obi.simulate(seconds=120, levels=5, seed=seed), rule)
        for seed in (1, 2, 3)
    }


def test_each_entry_stands_once_with_all_that_it_had(tables):
    portfolio = obi.portfolio(tables, most=2)
    for name, given_table in tables.items():
        rows = portfolio.entries.query(f"market == {name!r}").drop(columns=["market", "taken"])
        pd.testing.assert_frame_equal(rows.reset_index(drop=True), given_table, check_flags=False)
    assert "taken" not in tables["market 1"]
    taken_rows = portfolio.entries.query("taken and ended == 'held'")
    assert portfolio.results.loc["taken", "net_bps"] == pytest.approx(taken_rows["net_bps"].mean())
    low, high = portfolio.results.loc["taken", ["low", "high"]]
    assert low < taken_rows["net_bps"].mean() < high
    assert portfolio.results.loc["left out", "entries"] > 0
    assert portfolio.open_max == 2
    assert 1 < portfolio.open_mean < 2


def test_the_same_market_several_times_makes_no_interval_narrower(tables):
    one = tables["market 1"]
    alone = obi.portfolio({"A": one}, most=3).results.loc["taken", ["low", "high"]]
    thrice = obi.portfolio(dict.fromkeys("ABC", one), most=3).results.loc["taken", ["low", "high"]]
    np.testing.assert_allclose(thrice, alone)
    assert alone["low"] < alone["high"]


def test_its_repr_says_what_it_came_to(tables):
    said = repr(obi.portfolio({"BTC": BTC, "ETH": ETH, "SOL": SOL}, most=2))
    assert said == (
        "<Portfolio: at most 2 open; 6 entries of +3.67 bps net each; 1 entry of +1.00 bps net "
        "each left out; open 2 at most, 1.11 on average>"
    )
    with_interval = repr(obi.portfolio(tables, most=3))
    assert " bps net each (" in with_interval
    assert "; 0 entries left out; open 3 at most" in with_interval


def test_no_entries_are_an_empty_portfolio(tables):
    none = tables["market 1"].iloc[:0]
    portfolio = obi.portfolio({"A": none, "B": none}, most=1)
    assert len(portfolio.entries) == 0
    assert portfolio.results["entries"].tolist() == [0, 0]
    assert portfolio.open_max == 0
    assert np.isnan(portfolio.open_mean)
    assert repr(portfolio) == "<Portfolio: at most 1 open; 0 entries; 0 entries left out>"
    some = obi.portfolio({"A": none, "B": tables["market 2"]}, most=1)
    assert some.entries.dtypes.equals(
        obi.portfolio({"B": tables["market 2"]}, most=1).entries.dtypes
    )


def test_times_of_another_zone_and_unit_are_the_same_times():
    moved = BTC.assign(
        entry_time=BTC["entry_time"].dt.tz_convert("Asia/Tokyo").dt.as_unit("ms"),
        exit_time=BTC["exit_time"].dt.tz_convert("Asia/Tokyo").dt.as_unit("s"),
    )
    pd.testing.assert_frame_equal(
        obi.portfolio({"A": moved, "B": ETH}).entries, obi.portfolio({"A": BTC, "B": ETH}).entries
    )


@pytest.mark.parametrize(
    ("tables", "kind", "said"),
    [
        (BTC, ArgumentError, "is no mapping of tables. Give a dict of what obi.entries returned"),
        ({}, ArgumentError, "There is no table."),
        ({"A": [1]}, ArgumentError, "'A' is [1], and no table."),
        ({"1": BTC, 1: BTC}, ArgumentError, "Two markets have the same name as text."),
        (
            {"A": BTC.drop(columns=["weight", "ended"])},
            ArgumentError,
            "The table of A has no column weight, ended.",
        ),
        (
            {"A": BTC.assign(taken=True)},
            ArgumentError,
            "The table of A has a column taken already. Leave it out: obi.portfolio adds it.",
        ),
        (
            {"A": BTC.assign(entry_time=BTC["entry_time"].dt.tz_localize(None))},
            ArgumentError,
            "and no time with a time zone. Use pd.to_datetime(…, utc=True).",
        ),
        (
            {"A": BTC.assign(net_bps="x")},
            ArgumentError,
            "net_bps of A is str, and no number.",
        ),
        (
            {"A": BTC.assign(entry_time=BTC["exit_time"].where(BTC.index > 0))},
            HistoryError,
            "Row 0 of A has no entry_time. Leave it out.",
        ),
        (
            {"A": BTC, "B": table((0, 1, 2), (5, 4, 2))},
            HistoryError,
            "Row 1 of B has its exit before its entry.",
        ),
        ({"A": table((0, 1, np.inf))}, HistoryError, "Row 0 of A has a gain that is not finite"),
        (
            {"A": table((0, None, 1.0, "gap"))},
            HistoryError,
            "Row 0 of A has a gain without an exit_time. Give the time, or NaN as its gain.",
        ),
        ({"A": BTC.assign(weight=0.0)}, HistoryError, "Row 0 of A has no weight above 0."),
    ],
)
def test_what_is_no_table_of_entries_is_refused(tables, kind, said):
    with pytest.raises(kind) as error:
        obi.portfolio(tables)
    assert said in str(error.value)
