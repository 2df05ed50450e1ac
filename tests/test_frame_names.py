"""Which columns of a DataFrame are prices and sizes."""

from __future__ import annotations

import pytest

from obi_widgets.errors import HistoryError
from obi_widgets.history.frame_names import find, meaning


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("bid_px_0", (+1, "price", 0)),
        ("bids[0].price", (+1, "price", 0)),
        ("asks[12].amount", (-1, "size", 12)),
        ("bid_price_1", (+1, "price", 1)),
        ("b0p", (+1, "price", 0)),
        ("a3q", (-1, "size", 3)),
        ("ask_sz_00", (-1, "size", 0)),
        ("bidPrice3", (+1, "price", 3)),
        ("AskSize_2", (-1, "size", 2)),
        ("ask 2 volume", (-1, "size", 2)),
        ("price_bid_4", (+1, "price", 4)),
        ("bid", (+1, "price", None)),
        ("bid_size", (+1, "size", None)),
        ("ask7", (-1, "price", 7)),
    ],
)
def test_a_name_has_a_side_a_quantity_and_a_level(name, means):
    assert meaning(name) == means


@pytest.mark.parametrize(
    "name",
    ["mid", "spread", "received", "pa", "as", "bid_count_0", "order_flow_1", "bid_price_1_5m", 3,
     "imbalance", "", ("bid", 1)],
)  # fmt: skip
def test_other_names_are_of_something_else(name):
    assert meaning(name) is None


def names(first, last, pattern="{side}_{kind}_{number}"):
    return [
        pattern.format(side=side, kind=kind, number=number)
        for side in ("bid", "ask")
        for kind in ("price", "size")
        for number in range(first, last + 1)
    ]


@pytest.mark.parametrize("first", [0, 1])
def test_levels_are_put_in_order_by_their_numbers(first):
    bids, asks = find(reversed([*names(first, first + 10), "mid"]))
    assert [level.price for level in bids] == [f"bid_price_{first + n}" for n in range(11)]
    assert [level.size for level in asks] == [f"ask_size_{first + n}" for n in range(11)]


def test_the_best_level_needs_no_number():
    columns = ["bid", "ask", "bid_size", "ask_size", *names(2, 3)]
    assert [level.price for level in find(columns).bids] == ["bid", "bid_price_2", "bid_price_3"]
    assert [level.size for level in find(columns[:4]).asks] == ["ask_size"]


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        (["open", "close"], "No column is of bid prices: ['open', 'close']."),
        ([], "No column is of bid prices: []."),
        ([n for n in names(0, 2) if n != "ask_size_1"], "Level 1 has no column of the ask size."),
        ([n for n in names(1, 3) if n != "bid_price_3"], "Level 3 has no column of the bid price."),
        (names(2, 4), "The first level has the number 2, not 0 or 1."),
        (
            ["bid", *names(0, 1)],
            "Columns 'bid' and 'bid_price_0' both mean the bid price of one level.",
        ),
        (
            [*names(0, 1), "b1p"],
            "Columns 'bid_price_1' and 'b1p' both mean the bid price of one level.",
        ),
    ],
)
def test_columns_that_are_not_clear_are_refused(columns, what):
    with pytest.raises(HistoryError) as error:
        find(columns)
    assert error.value.what == what
    assert error.value.advice
