"""Arbitrary faults at arbitrary places: what is shown as live is the exchange's true book.

An exchange is played step by step without a socket. Each step has one frame, which a fault may
spoil; what the venue asks for is answered some steps later, and the venue may be cut off. Every
venue's test file lists its ``EXCHANGES``; see `fault_tools`. ``FAULT_EXAMPLES=500`` in the
environment plays more sequences of each.
"""

import os
from functools import cache

import pytest
from exchange_tools import TrueMarket
from fault_tools import CLEAN, FAULTY, answers, faults, latencies
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from make_captures import module_of

from obi_widgets.market_data.venues import VENUES

MODULES = dict.fromkeys(map(module_of, VENUES))
EXCHANGES = [exchange for module in MODULES for exchange in module.EXCHANGES]

each_exchange = pytest.mark.parametrize("exchange", EXCHANGES)


@cache
def true_market(seed):
    return TrueMarket(seed, FAULTY + CLEAN)


@pytest.mark.slow
@each_exchange
@settings(
    max_examples=int(os.environ.get("FAULT_EXAMPLES", "60")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(faults=faults, latencies=latencies, answers=answers, seed=st.integers(0, 3))
def test_what_is_live_is_true_whatever_goes_wrong_and_in_the_end_it_is_live(
    exchange, faults, latencies, answers, seed
):
    playing = exchange(true_market(seed), latencies, answers)
    playing.play(faults)
    assert playing.market.state == "live"
    assert playing.believed() >= FAULTY + CLEAN - 2  # and it is the newest book


@each_exchange
def test_without_faults_a_book_is_lost_never(exchange):
    playing = exchange(true_market(0), [], [])
    playing.play({})
    assert playing.market.history().gaps == 0
    assert playing.market.state == "live"
