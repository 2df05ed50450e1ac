"""How often a verdict, an interval or a p value is wrong, on markets with a known edge.

``python -m benchmarks.verdicts [verdicts|edges|intervals|coefficients|sealed|chosen|toxicity|
spoofed|confident]
[--part 1/4 | --seeds 0:100] [--results FILE]``
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

import obi_widgets as obi
from obi_widgets.calibration.forward_returns import DEFAULT_HORIZONS, forward_returns
from obi_widgets.calibration.information_coefficient import Coefficients, information_coefficients
from obi_widgets.calibration.statistics.power import rule_rate
from obi_widgets.kernels import loader

from . import markets
from .chosen import chosen
from .confident import confident
from .markets import NULL, PARTLY, Market
from .sealed import sealed
from .spoofed import spoofed
from .toxicity import toxicity

RECORDS = {"an hour": 1.0, "30 minutes": 0.5, "20 minutes": 1 / 3}
"""Lengths of a record, as fractions of the markets' hour."""

KEPT = (chosen, toxicity, spoofed, confident)
"""Sections whose results can be kept in a file."""

WALKS = (
    Market(51, markets.random_walk),
    Market(52, markets.stochastic_volatility),
    Market(53, markets.jumps),
    Market(54, markets.persistence),
    Market(55, markets.jumps_and_persistence),
)


def say(text: str) -> None:
    """Print a line and flush it."""
    print(text, flush=True)


def verdicts(part: slice) -> None:
    """Count viable verdicts on markets without an edge, or with one that ends."""
    pooled = of = 0
    for market in (*NULL, *PARTLY):
        seeds = range(market.seeds)[part]
        found = Counter(market.judge(market.make(market.random(one))).verdict for one in seeds)
        viable = found["viable"]
        if market in NULL:
            pooled, of = pooled + viable, of + len(seeds)
        say(
            f"{market.name:28} n {len(seeds):5}  viable {viable:4}  "
            f"not viable {found['not viable']:4}  not enough data {found['not enough data']:4}  "
            f"(of {market.seeds} at most {market.most} viable)"
        )
    say(f"{'null markets together':28} n {of:5}  viable {pooled:4} ({100 * pooled / of:.2f} %)")


def edges(part: slice) -> None:
    """Count viable verdicts on markets with an edge, and compare with the predicted power."""
    for number, size in enumerate(markets.EDGES, markets.EDGE_NUMBER):
        market = Market(number, markets.edge(size))
        seeds = range(markets.EDGE_SEEDS)[part]
        truth = [markets.true_move(size, h, markets.MID.threshold) for h in DEFAULT_HORIZONS]
        viable, promised = 0, []
        for seed in seeds:
            report = market.judge(market.make(market.random(seed)))
            viable += report.verdict == "viable"
            rate = partial(rule_rate, hold_out=report.hold_out, tests=len(report.horizons))
            traded = report.traded
            promised.append(
                [rate(*one) for one in zip(truth, traded.se_bps, traded.b, strict=True)]
            )
        rates = np.nanmean(promised, axis=0)
        say(
            f"an edge of {size:g} ticks: n {len(seeds)}, viable {viable} "
            f"({100 * viable / len(seeds):.1f} %); promised at each horizon "
            f"{' '.join(f'{100 * one:.0f}' for one in rates)} %, at most {100 * rates.max():.1f} %"
        )


def intervals(part: slice) -> None:
    """Count the as-traded intervals that cover the true gain."""
    horizons = np.array([1.0, 5.0, 20.0, 60.0])
    settings = markets.TOUCH
    edge, market = markets.COVERED_EDGE, Market(markets.COVERED_NUMBER, markets.edge(0.0))
    moves = np.array([markets.true_move(edge, h, settings.threshold) for h in horizons])
    for name in ("an hour", "20 minutes"):
        states, seeds = round(RECORDS[name] * markets.STATES), range(markets.COVERED_SEEDS)[part]
        covered = np.zeros(len(horizons), int)
        for seed in seeds:
            history = markets.edge(edge)(market.random(seed))[:states]
            table = obi.calibrate(history, settings, horizons=horizons).as_traded
            truth = moves - 1e4 * np.nanmean(history.spread / history.mid)
            covered += ((table.ci_low <= truth) & (truth <= table.ci_high)).to_numpy()
        rates = " ".join(
            f"{h:g} s {100 * n / len(seeds):.1f} %" for h, n in zip(horizons, covered, strict=True)
        )
        say(f"as-traded intervals, {name}: n {len(seeds)}, the truth is in {rates}")


def correlations(history: obi.History) -> Coefficients:
    """Return the coefficients that `obi.calibrate` computes."""
    signal = obi.imbalance(history, markets.MID)
    return information_coefficients(history, signal, forward_returns(history, DEFAULT_HORIZONS))


def coefficients(part: slice) -> None:
    """Count p values of correlations below 5 % on markets without an edge."""
    for market in WALKS:
        for name in ("an hour", "30 minutes", "20 minutes"):
            states, seeds = round(RECORDS[name] * markets.STATES), range(1000)[part]
            found = [correlations(market.make(market.random(seed))[:states]) for seed in seeds]
            p = np.array([[one.ic_p, one.rank_ic_p] for one in found])
            counted = np.count_nonzero(~np.isnan(p), axis=0)
            low = np.count_nonzero(p < 0.05, axis=0)
            for which, n, of in zip(("IC", "rank IC"), low, counted, strict=True):
                rates = " ".join(
                    f"{a}/{b}" if b else "–" for a, b in zip(n.tolist(), of.tolist(), strict=True)
                )
                say(f"{market.name:24} {name:11} {which:8} p < 5 %: {rates}")


def main() -> None:
    """Run the chosen checks."""
    parser = argparse.ArgumentParser(description=__doc__)
    sections = {
        one.__name__: one for one in (verdicts, edges, intervals, coefficients, sealed, *KEPT)
    }
    parser.add_argument("sections", nargs="*", help=", ".join(sections))
    some = parser.add_mutually_exclusive_group()
    some.add_argument("--part", default="1/1", help="of the seeds, as 1/4 for every fourth")
    some.add_argument("--seeds", help="from one up to another, as 0:100 for the first hundred")
    parser.add_argument(
        "--results",
        type=Path,
        help="file of what chosen, toxicity, spoofed or confident found: what it lacks is added",
    )
    given = parser.parse_args()
    sections |= {one.__name__: partial(one, path=given.results) for one in KEPT}
    loader.wait()
    for name in given.sections or sections:
        part = seeds_of(given.part, given.seeds)
        sections[name](part)


def seeds_of(part: str, seeds: str | None) -> slice:
    """Return which of a market's seeds are asked for."""
    if seeds is not None:
        first, until = map(int, seeds.split(":"))
        return slice(first, until)
    number, of = map(int, part.split("/"))
    return slice(number - 1, None, of)


if __name__ == "__main__":
    main()
