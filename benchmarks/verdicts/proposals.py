"""How often a threshold and a hold are proposed, and their gain in the hold-out.

``python -m benchmarks.verdicts.proposals [--seeds 200]``

Market m uses the seeds 100,000 · m + 0, 1, 2, … as in `markets`.
"""

from __future__ import annotations

import argparse

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS
from obi_widgets.calibration.grid import thresholds_for
from obi_widgets.calibration.proposal import Proposal

from . import markets
from .markets import MID, STATES, Market, Random, book, times

WEAK, STRONG, LASTS = 0.35, 0.75, 4
"""Imbalance of an episode without an edge and of one with an edge; length of an episode, states."""

WAITS, RISES, STAYS, FALLS = 6, 2, 18, 14
"""States in which the price waits after a strong episode, rises, stays, and falls back."""

HOLDS = (2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 24.0, 40.0)
"""Holds to choose from on the planted market, seconds."""

PLANTED_THRESHOLDS, PLANTED_HOLDS = (0.4, 0.5, 0.6, 0.7), (6.0, 8.0, 10.0)
"""What tells strong episodes from weak ones; what pays in full, as do the holds beside it."""


def planted(random: Random, size: float = 10.0) -> obi.History:
    """Return a market that pays above a threshold and at some holds, and nowhere else.

    Every twenty-five seconds or so there is an episode of an imbalance. After a strong one the
    price waits for three seconds, goes the same way by ``size`` ticks within one, stays for nine,
    and falls back within seven. After a weak one it does nothing.
    """
    imbalance = 0.1 * markets.signal(random)
    moves = 0.3 * markets.MOVE * random.standard_normal(STATES)
    at, longest = 10, WAITS + RISES + STAYS + FALLS + 1
    while at + longest < STATES:
        side, strong = random.choice([-1, 1]), random.random() < 0.5
        imbalance[at : at + LASTS] = side * (STRONG if strong else WEAK)
        if strong:
            rise = at + 1 + WAITS
            moves[rise : rise + RISES] += side * size / RISES
            back = rise + RISES + STAYS
            moves[back : back + FALLS] -= side * size / FALLS
        at += longest + int(random.integers(0, 20))
    return book(times(), np.cumsum(moves), imbalance)


NULL = (
    Market(60, markets.random_walk),
    Market(61, markets.stochastic_volatility),
    Market(62, markets.volatility_with_signal),
    Market(63, markets.heavy_tails),
    Market(64, markets.persistence),
    Market(65, markets.past_return),
)

PLANTED = Market(66, planted)


def proposals(market: Market, seeds: int) -> list[Proposal]:
    """Return the proposals on a market, one for each seed."""
    holds = HOLDS if market is PLANTED else DEFAULT_HORIZONS
    return [
        obi.propose(market.make(market.random(seed)), settings=MID, hold_seconds=holds)
        for seed in range(seeds)
    ]


def mean(values: list[float]) -> str:
    """Return a mean with its standard error."""
    known = np.array([one for one in values if not np.isnan(one)])
    if len(known) < 2:
        return "–"
    return f"{known.mean():+.4f} ± {known.std(ddof=1) / len(known) ** 0.5:.4f} (n {len(known)})"


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    seeds = parser.parse_args().seeds
    together: list[float] = []
    for market in (*NULL, PLANTED):
        found = proposals(market, seeds)
        taken = [one for one in found if one.settings is not None]
        ratios = [
            one.out_of_sample.net_bps / one.out_of_sample.se_bps
            for one in found
            if one.out_of_sample.entries > 1
        ]
        if market is not PLANTED:
            together += ratios
        print(
            f"{market.name:24} proposed {len(taken):3} of {seeds}; in sample, bps: "
            f"{mean([one.in_sample.net_bps for one in found])}; hold-out of candidates, bps: "
            f"{mean([one.out_of_sample.net_bps for one in found])}, in standard errors: "
            f"{mean(ratios)}; of those proposed, bps: "
            f"{mean([one.out_of_sample.net_bps for one in taken])}",
            flush=True,
        )
    print(f"null markets together, hold-out in standard errors: {mean(together)}")
    chosen = [one.settings for one in taken if one.settings is not None]
    right = [
        one for one in chosen
        if one.threshold in PLANTED_THRESHOLDS and one.hold_seconds in PLANTED_HOLDS
    ]  # fmt: skip
    tried = len(thresholds_for(obi.Settings().parameters))
    print(f"the planted one ({tried} × {len(HOLDS)} settings): {len(right)} of {seeds}")


if __name__ == "__main__":
    main()
