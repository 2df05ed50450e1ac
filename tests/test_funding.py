"""Funding of entries, by hand; and when it is paid next, as each venue tells it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import obi_widgets as obi
from obi_widgets.history.context import NAMES, Context
from obi_widgets.history.tape import TapeWriter
from obi_widgets.market_data.events import Mark
from obi_widgets.market_data.venues.binance_messages import marks
from obi_widgets.trading.funding import funding_bps, fundings
from obi_widgets.trading.trade_list import Trades

SECOND = 10**9
START = 1_700_000_000 * SECOND  # the 14th of November 2023, 22:13:20
EIGHT = 1_700_006_400  # midnight, 6,400 s later


def at(second):
    return START + round(second * SECOND)


def of(rows, *, seconds=7_000, inverse=False):
    """Return a history of a state a second, with rows of context: second, name, value."""
    time = START + np.arange(seconds) * SECOND
    prices = np.full((seconds, 1), 100.0)
    history = obi.History.from_arrays(
        time, prices - 0.01, prices, prices + 0.01, prices, tick_size=0.01, interval=0
    )
    stamps = np.array([[at(second)] * 2 for second, _, _ in rows], np.int64).reshape(-1, 2).T
    codes = np.array([NAMES.index(name) for _, name, _ in rows], np.uint8)
    values = np.array([value for _, _, value in rows], float)
    context = Context(np.ascontiguousarray(stamps), codes, values)
    return replace(
        history, context=context, instrument=replace_inverse(history.instrument, inverse)
    )


def replace_inverse(instrument, inverse):
    return type(instrument)(**{
        **{name: getattr(instrument, name) for name in instrument.__struct_fields__},
        "inverse": inverse,
    })  # fmt: skip


def positions(*rows):
    """Return positions of side, second of entry, price of entry, second of exit (None: open)."""
    count = len(rows)
    side, entered, price, left = zip(*rows, strict=True)
    out = np.array([0 if one is None else at(one) for one in left], np.int64)
    whole = np.array([at(one) for one in entered], np.int64)
    flags, none = np.zeros(count, bool), np.zeros(count)
    return Trades(
        np.array(side, np.int8), whole, np.array(price, float), out, np.full(count, 100.0), flags,
        flags, whole, none, flags, np.zeros(count, np.int8), np.ones(count),
    )  # fmt: skip


TOLD = [
    (0, "next_funding", EIGHT),
    (0, "funding_rate", 0.0002),
    (0, "mark", 101.0),
    (6_390, "funding_rate", 0.0001),
    (6_399, "mark", 102.0),
    (6_401, "next_funding", EIGHT + 8 * 3600),
    (6_401, "funding_rate", -0.0005),
    (6_401, "mark", 103.0),
]


def test_by_hand():
    found = funding_bps(
        of(TOLD),
        positions(
            (+1, 6_000, 100.0, 6_500),  # pays 0.01 % of 102, on 100
            (-1, 6_000, 102.0, 6_500),  # gets it, on 102
            (+1, 6_000, 100.0, 6_399),  # left before
            (+1, 6_000, 100.0, 6_400),  # left then: it pays
            (+1, 6_400, 100.0, 6_500),  # entered then: it does not
            (+1, 6_410, 100.0, 6_500),
            (+1, 6_000, 100.0, None),  # still open
        ),
    )
    assert found == pytest.approx([-1.02, 1.0, 0.0, -1.02, 0.0, 0.0, np.nan], nan_ok=True)
    assert not np.signbit(found[2])


def test_the_value_of_an_inverse_contract_does_not_move():
    found = funding_bps(of(TOLD, inverse=True), positions((+1, 6_000, 90.0, 6_500)))
    assert found == pytest.approx([-1.0])


def test_with_a_negative_rate_a_long_gets_it_and_several_add_up():
    rows = [
        (0, "next_funding", 1_700_001_200), (0, "funding_rate", -0.0003),
        (1_201, "next_funding", 1_700_004_800), (1_201, "funding_rate", 0.0001),
        (4_801, "next_funding", 1_700_008_400), (4_801, "funding_rate", 0.0009),
    ]  # fmt: skip
    found = funding_bps(of(rows), positions((+1, 10, 100.0, 6_000), (+1, 10, 100.0, 2_000)))
    assert found == pytest.approx([3.0 - 1.0, 3.0])  # of mid, where there is no mark price


def test_a_time_that_was_given_up_is_no_funding_time():
    """A venue goes from every four hours to every eight, and says so before."""
    rows = [
        (0, "next_funding", 1_700_001_200), (0, "funding_rate", 0.001),
        (600, "next_funding", EIGHT), (6_402, "next_funding", EIGHT + 28_800),
    ]  # fmt: skip
    due, _ = fundings(of(rows))
    assert due.tolist() == [EIGHT * SECOND, (EIGHT + 28_800) * SECOND]
    found = funding_bps(of(rows), positions((+1, 10, 100.0, 2_000), (+1, 10, 100.0, 6_500)))
    assert found == pytest.approx([0.0, -10.0])


def test_what_is_not_told_is_not_known():
    none = funding_bps(of([]), positions((+1, 10, 100.0, 20)))
    assert np.isnan(none).all()
    late = [(5_000, "next_funding", EIGHT), (5_000, "funding_rate", 0.0001)]
    found = funding_bps(of(late), positions((+1, 10, 100.0, 6_000), (+1, 5_000, 100.0, 6_000)))
    assert found == pytest.approx([np.nan, 0.0], nan_ok=True)  # one may have been before
    ended = [(0, "next_funding", 1_700_001_200), (0, "funding_rate", 0.0001)]
    found = funding_bps(of(ended), positions((+1, 10, 100.0, 6_000), (+1, 10, 100.0, 1_200)))
    assert found == pytest.approx([np.nan, -1.0], nan_ok=True)  # nothing is told of what followed
    rate = [(0, "next_funding", 1_700_001_200), (1_201, "next_funding", EIGHT)]
    found = funding_bps(of(rate), positions((+1, 10, 100.0, 2_000), (+1, 1_300, 100.0, 2_000)))
    assert found == pytest.approx([np.nan, 0.0], nan_ok=True)


def test_a_value_that_is_nan_tells_nothing():
    """Of other data's context; what is recorded here has none."""
    silent = [(second, name, np.nan) for second in (6_395, 6_399.5) for name in NAMES]
    trades = positions((1, 100, 100.0, 6_500), (-1, 6_390, 100.0, 6_400))
    expected = funding_bps(of(TOLD), trades)
    assert not np.isnan(expected).any()
    both = sorted([*TOLD, *silent], key=lambda row: row[0])
    np.testing.assert_array_equal(funding_bps(of(both), trades), expected)


def test_entries_have_it_beside_what_the_lab_shows():
    history = of(TOLD)

    @obi.signal(range=(-1, 1), needs="touch")
    def once(given):
        return np.where(given.time == at(6_395), 1.0, 0.0)

    settings = obi.Settings(signal=once, threshold=0.5, hold_seconds=20, fee_bps=1.0)
    (row,) = obi.entries(history, settings).to_dict("records")
    assert row["funding_bps"] == pytest.approx(-1e4 * 0.0001 * 102 / 100.01)
    assert row["net_of_funding_bps"] == pytest.approx(row["net_bps"] + row["funding_bps"])
    assert row["net_bps"] == pytest.approx(row["gross_bps"] - 2.0)
    report = obi.calibrate(history, settings, horizons=[20.0])
    assert report.traded.net_bps[0] == pytest.approx(row["net_bps"])  # without it, as it says
    assert "funding" not in obi.entries(history, settings).attrs
    simulated = obi.entries(obi.simulate(seconds=60, seed=1), obi.Settings(hold_seconds=2))
    assert simulated["funding_bps"].isna().all()
    assert simulated.attrs["funding"].startswith("Funding is not known")


def test_a_time_that_stays_is_noted_once_a_minute():
    tape = TapeWriter()
    nan = float("nan")
    for second in range(150):
        due = EIGHT if second < 100 else EIGHT + 28_800
        tape.mark(Mark(at(second), at(second), nan, nan, nan, next_funding=due), at(second))
    tape.mark(Mark(at(151), at(151), 100.0, nan, nan), at(151))
    table = tape._context.table(at(1_000))
    rows = table.code == NAMES.index("next_funding")
    assert ((table.time[rows] - START) // SECOND).tolist() == [0, 60, 100]
    assert table.value[rows].tolist() == [EIGHT, EIGHT, EIGHT + 28_800]


def test_what_is_delivered_at_a_date_has_no_funding():
    frame = b'{"e":"markPriceUpdate","E":1,"s":"X","p":"1","i":"1","r":"%s","T":1700006400000}'
    assert marks.decode(frame % b"0.0001").next_funding == EIGHT
    assert np.isnan(marks.decode(frame % b"").next_funding)
