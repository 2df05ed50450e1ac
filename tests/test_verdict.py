"""The rule of the verdict by hand: evidence from each part of the record, and its sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from obi_widgets.calibration.as_traded import TradeGains
from obi_widgets.calibration.verdict import Evidence, judge

HORIZONS = np.array([1.0, 5.0, 10.0])


def made(net, half, *, passive=0.0, cost=2.0, longs=0.5, without=None, z=None, missed=0):
    """Return trades with a net gain ± ``half``; ``passive`` is the gain at random times."""
    net, half, passive, cost = (
        np.broadcast_to(np.asarray(one, float), 3) for one in (net, half, passive, cost)
    )
    excess = net + cost - passive
    z = 2 * net / half if z is None else np.asarray(z, float)
    return TradeGains(
        HORIZONS, np.full(3, 500), np.full(3, missed), np.full(3, float(longs)),
        net + cost, net, cost,
        np.full(3, 0.6), net - half, net + half, half / 2, np.full(3, 0.02), z,
        excess, excess - half, excess + half, 2 * excess / half,
        net if without is None else np.asarray(without, float),
    )  # fmt: skip


GOOD = Evidence(
    whole=made([1.0, 3.0, 2.0], [0.4, 0.5, 1.0]),
    before=made([1.0, 2.9, 2.0], [0.5, 0.6, 1.2]),
    held_out=made([1.0, 3.2, 2.0], [0.7, 0.9, 1.9]),
    p=np.array([0.001, 0.0001, 0.001]),
    mean=np.array([3.0, 5.0, 4.0]),
    low=np.array([2.6, 4.5, 3.0]),
    high=np.array([3.4, 5.5, 5.0]),
    p_mean=np.array([0.001, 0.001, 0.2]),
    episodes=(50, 35, 15),
    share_on=0.2,
    hold=5.0,
)
BAD = made(-7.0, 0.5, cost=10.0)
FILLED = "It assumes that all is filled at once at the touch, without latency."
BEST = "At 5 s, the most significant hold, a trade made +3.00 ± 0.50 bps net"


@pytest.mark.parametrize(
    ("changes", "verdict", "reason", "horizon"),
    [
        (
            {},
            "viable",
            f"{BEST}: +2.90 ± 0.60 bps before the hold-out, +3.20 ± 0.90 bps in it. {FILLED}",
            1,
        ),
        (
            {
                "whole": made([1.0, 3.0, 2.0], [0.4, 0.5, 1.0], missed=125),
                "filled": "at the touch, after a latency of 20 ms",
            },
            "viable",
            f"{BEST}: +2.90 ± 0.60 bps before the hold-out, +3.20 ± 0.90 bps in it. 125 of "
            "625 orders (20 %) were not filled. It assumes that the others are filled at the "
            "touch, after a latency of 20 ms.",
            1,
        ),
        (
            {
                "hold": 10.0,
                "filled": "at once at mid, where no order is sure to be filled, without latency",
            },
            "viable",
            f"{BEST}: +2.90 ± 0.60 bps before the hold-out, +3.20 ± 0.90 bps in it. The settings "
            "hold 10 s, and a trade made +2.00 ± 1.00 bps: to trade as judged, hold 5 s. It "
            "assumes that all is filled at once at mid, where no order is sure to be filled, "
            "without latency.",
            1,
        ),
        (
            {"whole": made([1.0, 3.0, 2.0], [0.4, 0.5, 1.0], longs=1.0, passive=0.9), "hold": 7.0},
            "viable",
            f"{BEST}: +2.90 ± 0.60 bps before the hold-out, +3.20 ± 0.90 bps in it. Being long "
            "at random times made -1.10 bps net. The settings hold 7 s: to trade as judged, "
            f"hold 5 s. {FILLED}",
            1,
        ),
        (
            {"whole": made(3.0, 0.5, longs=1.0, passive=5.1)},
            "not enough data",
            "At 1 s, the most significant hold, a trade made +3.00 ± 0.50 bps net, and being long "
            "at random times made +3.10 bps net: the signal is not significantly better.",
            0,
        ),
        (
            {"whole": BAD, "before": BAD, "held_out": BAD},
            "not viable",
            "There is an effect at 1 s (+3.00 ± 0.40 bps mid to mid), no longer significant at 10 "
            "s, but too small: trading costs 10.00 bps, and a trade made -7.00 ± 0.50 bps net.",
            0,
        ),
        (
            {"whole": BAD, "share_on": 0.7, "p_mean": np.full(3, 0.001)},
            "not viable",
            "There is an effect at 1 s (+3.00 ± 0.40 bps mid to mid), but too small: trading costs "
            "10.00 bps, and a trade made -7.00 ± 0.50 bps net. The threshold is too loose: the "
            "signal is beyond it 70 % of the time.",
            0,
        ),
        (
            {"whole": BAD, "p_mean": np.full(3, 0.4)},
            "not viable",
            "No effect that would pay: at 1 s, where it is most significant, +3.00 ± 0.40 bps mid "
            "to mid, trading costs 10.00 bps, and a trade made -7.00 ± 0.50 bps net.",
            0,
        ),
        (
            {"whole": BAD, "mean": np.full(3, -1.0), "low": np.full(3, -2.0), "high": -np.ones(3)},
            "not viable",
            "No effect that would pay (the price moves against the signal): at 1 s, where it "
            "is most significant, -1.00 ± 0.50 bps mid to mid, trading costs 10.00 bps, and a "
            "trade made -7.00 ± 0.50 bps net.",
            0,
        ),
        (
            {"held_out": made(-1.0, 0.4)},
            "not viable",
            f"{BEST}, and it does not last: -1.00 ± 0.40 bps in the hold-out.",
            1,
        ),
        (
            {"before": made(-1.0, 0.4)},
            "not viable",
            f"{BEST}, and it does not last: -1.00 ± 0.40 bps before the hold-out.",
            1,
        ),
        (
            {"held_out": made([1.0, -1.0, 2.0], [0.7, 0.4, 2.5])},
            "not enough data",
            "At 1 s, a trade made +1.00 ± 0.40 bps net, and at 5 s, which is more significant, it "
            "does not last.",
            0,
        ),
        (
            {"held_out": made(0.5, 0.9), "more": lambda at: 2400.0 * at},
            "not enough data",
            f"{BEST}, and in the hold-out +0.50 ± 0.90 bps, which may be chance. A record about "
            "40 min longer would show it in four of five cases, if it goes on as in the weaker "
            "part.",
            1,
        ),
        (
            {"held_out": made(0.5, 0.9), "more": lambda _: 4e6},
            "not enough data",
            f"{BEST}, and in the hold-out +0.50 ± 0.90 bps, which may be chance. It would take "
            "a record more than 1,000 h longer to show it.",
            1,
        ),
        (
            {"before": made(0.5, 0.9)},
            "not enough data",
            f"{BEST}, and before the hold-out +0.50 ± 0.90 bps, which may be chance.",
            1,
        ),
        (
            {"held_out": made([1.0, np.nan, 2.0], 0.4)},
            "not enough data",
            f"{BEST}, and in the hold-out the record is too short for it.",
            1,
        ),
        (
            {"held_out": made(3.0, 0.9, passive=4.8)},
            "not enough data",
            f"{BEST}, and in the hold-out it is not significantly more than being long in 50 % "
            "and short in 50 % of trades at random times.",
            1,
        ),
        (
            {"whole": made([1.0, 3.0, 2.0], [1.4, 3.5, 2.9])},
            "not enough data",
            "At 5 s, the most significant hold, a trade made +3.00 ± 3.50 bps net, "
            "which may be chance.",
            1,
        ),
        (
            {"p": np.full(3, 0.3)},
            "not enough data",
            f"{BEST}, which may be the best of many by chance: p is 0.300, corrected for all "
            "tried.",
            1,
        ),
        (
            {"whole": made([1.0, 3.0, 2.0], [0.4, 0.5, 1.0], without=[1.0, -0.4, 1.0])},
            "not enough data",
            f"{BEST}, and it depends on one episode: without it, a trade made -0.40 bps.",
            1,
        ),
        (
            {"episodes": (50, 49, 1)},
            "not enough data",
            f"{BEST}, and in the hold-out there is 1 episode: at least 10 are needed.",
            1,
        ),
        (
            {"episodes": (1, 1, 0)},
            "not enough data",
            "The threshold is too tight, or the record too short: 1 episode beyond the threshold, "
            "and at least 10 are needed.",
            -1,
        ),
        (
            {"whole": made(np.nan, np.nan), "shortage": "the record spans fewer than two horizons"},
            "not enough data",
            "There is no result: the record spans fewer than two horizons.",
            -1,
        ),
        (
            {"whole": made([np.nan, 3.0, 2.0], [0.4, 0.5, 1.0]), "interval": 0.5},
            "viable",
            f"{BEST}: +2.90 ± 0.60 bps before the hold-out, +3.20 ± 0.90 bps in it. {FILLED} "
            "Horizons below 5 s have no result: the history keeps a state every 0.5 s, and a "
            "horizon needs 10.",
            1,
        ),
        (
            {"looks_ahead": "at noon it is +1"},
            "not viable",
            "The signal looks ahead: at noon it is +1. Its results do not count.",
            -1,
        ),
    ],
)
def test_each_verdict_by_hand(changes, verdict, reason, horizon):
    found = judge(replace(GOOD, **changes))
    assert (found.verdict, found.reason, found.horizon) == (verdict, reason, horizon)


def test_a_part_with_few_episodes_gives_not_enough_data():
    changes = {"held_out": made(-1.0, 0.4), "episodes": (50, 45, 5)}
    assert judge(replace(GOOD, **changes)).verdict == "not enough data"


def test_only_the_most_significant_horizon_may_be_viable():
    """Otherwise one of seven horizons could pass the hold-out by chance."""
    found = judge(replace(GOOD, held_out=made([1.0, 0.2, 2.0], [0.7, 0.9, 1.9])))
    assert (found.verdict, found.horizon) == ("not enough data", 1)


def test_a_signal_that_never_changes_is_not_viable():
    """A signal that is always long has no excess gain, whatever the price does."""
    always = made(3.0, 0.5, longs=1.0)
    nothing = np.full(3, np.nan)
    always = replace(
        always, excess_bps=nothing, excess_low=nothing, excess_high=nothing, excess_z=nothing
    )
    found = judge(replace(GOOD, whole=always, p=nothing))
    assert found.verdict == "not enough data"
    assert "being long is all that the signal does" in found.reason


def test_a_figure_that_rounds_to_zero_has_no_minus():
    nothing = replace(GOOD, whole=made(-0.004, 3.0))
    assert "a trade made +0.00 ± 3.00 bps net" in judge(nothing).reason
