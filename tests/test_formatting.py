"""Numbers at every size: nothing becomes 0 unsaid, and no text is wider than its place."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import obi_widgets as obi
from obi_widgets.presentation.texts import formatting
from obi_widgets.trading.declared import LEAST_WEIGHT, SIZE

NAN = math.nan


def same_digits(text):
    """Return a text without its sign, its separators and its unit."""
    return text.strip("+−").replace(",", "")


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        (1e-8, 1e-8, "0.00000001"),
        (2.5e-7, 1e-9, "0.000000250"),
        (1.234e-8, 1e-12, "0.000000012340"),
        (0.5, 0.25, "0.50"),
        (63_867.4, 0.1, "63,867.4"),
        (9_999_999.99, 0.01, "9,999,999.99"),
        (1e7, 5.0, "10,000,000"),
        (1e7, 1e-2, "10,000,000.00"),
        (NAN, 0.1, "–"),
    ],
)
def test_a_price_has_the_decimals_of_its_tick(value, tick, text):
    assert formatting.price(value, tick) == text


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        (1.5e-8, 1e-8, "0.000000015"),
        (63_867.45, 0.1, "63,867.45"),
        (1.5e-12, 1e-12, "0.0000000000015"),
        (10_000_002.5, 5.0, "10,000,002.5"),
        (0.125, 0.25, "0.125"),
        (3.0, 2.0, "3"),
    ],
)
def test_a_mid_may_lie_on_half_a_tick(value, tick, text):
    assert formatting.mid(value, tick) == text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1e-8, 8, "0.00000001"),
        (1e-8, 2, "<0.01"),
        (4e-9, 8, "<0.00000001"),
        (0.004, 2, "<0.01"),
        (0.005, 2, "0.01"),
        (12.3456789, 8, "12.34568"),
        (999_999.5, 2, "999,999.5"),
        (9_999_999.0, 0, "9,999,999"),
        (1e7, 0, "10.00 M"),
        (1e10, 2, "10.00 B"),
        (2.5e13, 8, "25.00 T"),
        (0.0, 2, "0.00"),
        (NAN, 2, "–"),
    ],
)
def test_a_size_is_of_seven_digits_or_in_millions(value, decimals, text):
    assert formatting.size(value, decimals) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1.0"),
        (9.99, "10"),
        (99.96, "100"),
        (999.4, "999"),
        (999.6, "1.0k"),
        (3_400, "3.4k"),
        (340_000, "340k"),
        (999_500, "1.0M"),
        (1_234_567, "1.2M"),
        (3.4e9, "3.4B"),
        (1e10, "10B"),
        (9.99e14, "999T"),
        (2e15, "2.0e15"),
        (0.0512, "0.051"),
        (1e-3, "0.0010"),
        (9.4e-4, "9.4e−4"),
        (1e-8, "1.0e−8"),
        (-45_678.0, "−46k"),
        (-122.4, "−122"),
        (NAN, "–"),
        (math.inf, "–"),
    ],
)
def test_a_compact_number_fits_a_chip(value, text):
    assert formatting.compact(value) == text


FINITE = st.floats(1e-12, 1e15, allow_nan=False).flatmap(lambda x: st.sampled_from([x, -x]))


@given(FINITE)
def test_a_compact_number_is_never_wide_wrong_or_zero(value):
    text = formatting.compact(value, sign=True)
    assert len(text) <= 8
    assert text[0] == ("+" if value > 0 else "−")
    power = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
    digits = same_digits(text).replace("−", "-")
    read = float(digits.rstrip("kMBT")) * power.get(digits[-1], 1.0)
    assert read == pytest.approx(abs(value), rel=0.051)


@pytest.mark.parametrize(
    ("value", "plain", "with_sign"),
    [
        (0.0, "0.00 bps", "0.00 bps"),
        (0.02, "0.02 bps", "+0.02 bps"),
        (0.0049, "0.005 bps", "+0.005 bps"),
        (0.00123, "0.001 bps", "+0.001 bps"),
        (-1e-6, "−0.000001 bps", "−0.000001 bps"),
        (1e-9, "<0.000001 bps", "+<0.000001 bps"),
        (-9.38, "−9.38 bps", "−9.38 bps"),
        (10_000.0, "10,000.00 bps", "+10,000.00 bps"),
        (123_456.7, "123,457 bps", "+123,457 bps"),
        (1e9, "1.0B bps", "+1.0B bps"),
        (NAN, "–", "–"),
    ],
)
def test_basis_points_are_never_a_silent_zero(value, plain, with_sign):
    assert formatting.bps(value) == plain
    assert formatting.bps(value, sign=True) == with_sign


@given(FINITE)
def test_basis_points_other_than_zero_say_so_in_few_letters(value):
    text = formatting.bps(value, sign=True).removesuffix(" bps")
    assert text.strip("+−<0.,"), value
    assert len(text) <= 11


@pytest.mark.parametrize(
    ("spread", "middle", "tick", "text"),
    [
        (0.1, 63_889.05, 0.1, "0.02 bps"),
        (0.01, 1e7, 0.01, "1 tick"),
        (0.03, 1e7, 0.01, "3 ticks"),
        (1e-8, 1.5e-8, 1e-8, "6,666.67 bps"),
        (0.0, 100.0, 0.1, "0.00 bps"),
        (NAN, NAN, 0.1, "–"),
        (0.1 * 3, 1e9, 0.1, "3 ticks"),
    ],
)
def test_a_spread_is_in_ticks_where_bps_would_say_nothing(spread, middle, tick, text):
    assert formatting.spread(spread, middle, tick) == text


@pytest.mark.parametrize(
    ("value", "high", "text", "side"),
    [
        (-0.86, 1.0, "−0.86 ▼", "ask"),
        (0.0012, 1.0, "0.00", ""),
        (2.5, 7.9, "+2.50 ▲", "bid"),
        (1_234_567.0, 2e6, "+1.2M ▲", "bid"),
        (-3e9, 1e10, "−3.0B ▼", "ask"),
        (2.5e-9, 1e-8, "+2.5e−9 ▲", "bid"),
        (0.0, 1e-8, "0", ""),
        (0.01234, 0.05, "+0.0123 ▲", "bid"),
        (NAN, 1.0, "–", ""),
        (NAN, 1e10, "–", ""),
    ],
)
def test_a_signal_of_any_size_fits_its_chip(value, high, text, side):
    assert formatting.signal(value, (-high, high)) == text
    assert formatting.side(value, (-high, high)) == side


@pytest.mark.parametrize(
    ("value", "high", "text"),
    [(0.411, 0.6, "0.411 bps"), (-0.2, 1.0, "−0.20 bps"), (2e6, 3e6, "2.0M bps"), (NAN, 1.0, "–")],
)
def test_a_gauge_has_no_plus_no_arrow_and_no_side(value, high, text):
    """More volatility is no rise."""
    span = (-high, high)
    assert formatting.signal(value, span, "bps", directional=False) == text
    assert formatting.side(value, span, directional=False) == ""
    assert formatting.about(obi.imbalance).endswith("−1 to +1. Plus means a rise.")
    assert formatting.about(obi.realised_volatility).endswith(
        "In bps. A high value does not mean a rise."
    )
    assert formatting.about(obi.vpin).endswith("0 to 1. A high value does not mean a rise.")


def test_a_tooltip_has_no_bound_that_nobody_reaches():
    assert formatting.allowed(SIZE).endswith("Type a number above 0, in base units, or off.")
    assert formatting.allowed(LEAST_WEIGHT).endswith("Type a number from 0.05 to 1 of the whole.")


def test_what_the_title_says_of_a_unit_does_not_stand_behind_the_number():
    assert LEAST_WEIGHT.title == "At threshold, \N{MULTIPLICATION SIGN} whole"
    assert formatting.value(LEAST_WEIGHT, 0.25) == "0.25"


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("BTCUSDT", "BTCUSDT"),
        ("A" * 20, "A" * 20),
        ("", ""),
        ("1000000MOGDECIBELUSDT-PERPETUAL-INVERSE-XYZ", "1000000MOG…VERSE-XYZ"),
    ],
)
def test_a_long_symbol_keeps_both_of_its_ends(symbol, text):
    assert formatting.shortened(symbol) == text
    assert len(formatting.shortened(symbol)) <= formatting.SYMBOL


@given(st.text(max_size=60), st.integers(3, 43))
def test_a_shortened_text_is_as_long_as_is_allowed(text, letters):
    short = formatting.shortened(text, letters)
    assert len(short) == min(len(text), letters)


@pytest.mark.parametrize(
    ("step", "decimals"),
    [
        (0.1, 1),
        (0.05, 2),
        (0.25, 2),
        (1e-8, 8),
        (5e-13, 13),
        (1.0, 0),
        (10.0, 0),
        (1234.1, 1),
        (4.999999999999999e-07, 7),
        (0.125, 3),
    ],
)
def test_a_step_has_the_decimals_of_its_multiples(step, decimals):
    assert formatting.decimals_of(step) == decimals


@pytest.mark.parametrize("decimals", [0, 1, 3, 8])
def test_many_prices_and_sizes_are_written_as_each_is(decimals):
    powers = [10.0**power for power in range(-9, 9)]
    values = [0.0, -1.5, float("nan"), 9999.9996, 999.99996, *powers]
    values += [some * part for some in powers for part in (1 - 1e-12, 0.499999, 0.500001, 1.25)]
    tick = 10.0**-decimals
    assert formatting.prices(values, tick) == [formatting.price(one, tick) for one in values]
    assert formatting.sizes(values, decimals) == [formatting.size(one, decimals) for one in values]
