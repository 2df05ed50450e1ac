"""What is not a history of order books is refused, and told why."""

from __future__ import annotations

import numpy as np
import pytest
from history_tools import START

import obi_widgets as obi
from obi_widgets.errors import HistoryError

NAN, INF = float("nan"), float("inf")


def good() -> dict[str, object]:
    return {
        "time_ns": START + np.array([1, 2, 3]),
        "bid_price": np.array([[10.0, 9.9], [10.0, 9.9], [10.0, NAN]]),
        "bid_size": np.ones((3, 2)),
        "ask_price": np.array([[10.1, 10.2], [10.1, 10.2], [10.1, 10.3]]),
        "ask_size": np.ones((3, 2)),
    }


def refusal(**change: object) -> str:
    with pytest.raises(HistoryError) as error:
        obi.History.from_arrays(**{**good(), **change})
    assert isinstance(error.value, ValueError)
    return str(error.value)


def with_value(name: str, row: int, level: int, value: float) -> dict[str, object]:
    array = good()[name].copy()
    array[row, level] = value
    return {name: array}


def test_what_the_refusals_begin_with_is_taken():
    assert len(obi.History.from_arrays(**good())) == 3


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"time_ns": START + np.array([1, 3, 2])},
            "In row 2 time goes back (1 rows in all). Sort the states by time.",
        ),
        (
            {"time_ns": [1.0, 2.0, 3.0]},
            "time_ns has dtype float64 and 1 dimensions. "
            "Give one dimension of int64 nanoseconds, or of datetime64.",
        ),
        (
            {"time_ns": [[1, 2, 3]]},
            "time_ns has dtype int64 and 2 dimensions. "
            "Give one dimension of int64 nanoseconds, or of datetime64.",
        ),
        (
            {"time_ns": np.array(["2024-01-01", "NaT", "2024-01-01"], "datetime64[ns]")},
            "In row 1 time_ns is not a time (1 rows in all). Leave such rows out.",
        ),
        (
            {"received_ns": [1.5, 2, 3]},
            "received_ns has dtype float64 and 1 dimensions. "
            "Give one dimension of int64 nanoseconds, or of datetime64.",
        ),
        (
            {"received_ns": [START, START]},
            "Shapes differ: [(3,), (2,), (3, 2), (3, 2), (3, 2), (3, 2)]. "
            "Give arrays of T rows, and prices and sizes of L columns.",
        ),
        (
            {"ask_size": np.ones((3, 1))},
            "Shapes differ: [(3,), (3,), (3, 2), (3, 2), (3, 2), (3, 1)]. "
            "Give arrays of T rows, and prices and sizes of L columns.",
        ),
        (
            {"bid_price": np.ones((2, 2))},
            "bid_price has shape (2, 2), and there are 3 times. "
            "Give a row for each time and a column for each level.",
        ),
        (
            {"ask_size": np.ones((3, 2, 1))},
            "ask_size has shape (3, 2, 1), and there are 3 times. "
            "Give a row for each time and a column for each level.",
        ),
        (
            {"bid_price": np.ones((3, 0))},
            "bid_price has shape (3, 0), and there are 3 times. "
            "Give a row for each time and a column for each level.",
        ),
        *(
            (
                with_value("bid_size", 1, 1, size),
                "In row 1 a size beside bid_price is not a finite number above 0 (1 rows in all). "
                "Leave the price NaN where there is no level.",
            )
            for size in (0.0, -1.0, NAN, INF, 1e-60, 1e60)
        ),
        *(
            (
                with_value("ask_price", 2, 0, price),
                "In row 2 a ask_price is not a finite number above 0 (1 rows in all). "
                "Leave it NaN where there is no level.",
            )
            for price in (0.0, -10.0, INF)
        ),
        (
            with_value("bid_price", 1, 0, NAN),
            "In row 1 bid_price has a hole (1 rows in all). Put the best level first and NaN last.",
        ),
        (
            {**with_value("ask_price", 0, 1, 10.25), "tick_size": 0.1},
            "In row 0 ask_price is off the grid of 0.1 (1 rows in all). "
            "Give the right tick_size, or none.",
        ),
        (
            # A tenth from each other, and not on tenths.
            {"bid_price": good()["bid_price"] + 0.05, "tick_size": 0.1},
            "In row 0 bid_price is off the grid of 0.1 (3 rows in all). "
            "Give the right tick_size, or none.",
        ),
        (
            with_value("bid_price", 1, 1, 10.0),
            "In row 1 bid_price is not sorted (1 rows in all). Put the best level first.",
        ),
        (
            with_value("ask_price", 0, 1, 10.0),
            "In row 0 ask_price is not sorted (1 rows in all). Put the best level first.",
        ),
        (
            {"bid_price": np.array([[10.0, 9.9], [10.1, 9.9], [10.2, NAN]])},
            "In row 1 the book is crossed (2 rows in all). Make such a row NaN.",
        ),
        *(
            (
                {"tick_size": size},
                f"tick_size = {size!r} is not possible. Give the right one, or none.",
            )
            for size in (0, -0.1, NAN, INF)
        ),
        (
            {"bid_price": np.array([[np.pi, np.e], [np.pi, np.e], [np.pi, NAN]])},
            "The prices lie on no decimal grid. Round them, or give a tick_size.",
        ),
        (
            {"ask_price": 100 * np.array([[np.pi, 4], [np.pi, np.sqrt(11)], [np.pi, 4]])},
            "The prices lie on no decimal grid. Round them, or give a tick_size.",
        ),
        (
            {**with_value("ask_price", 2, 1, 53.1), "tick_size": 1e-8},
            "A level lies 4,300,000,000 ticks from the best; at most 4,294,967,295 are possible. "
            "Leave such levels out, or round the prices to a coarser grid.",
        ),
    ],
)
def test_the_refusal_says_where_and_what_to_do(change, text):
    assert refusal(**change) == text
