"""Count verdicts on markets whose truth is known: ``python -m benchmarks.verdicts [names]``."""

from __future__ import annotations

import argparse
from collections import Counter

from obi_widgets.calibration import compiling

from .markets import NULL, PARTLY, Market


def count(market: Market, seeds: int) -> Counter[str]:
    """Return how often each verdict was given."""
    return Counter(market.judge(market.make(market.random(seed))).verdict for seed in range(seeds))


def main() -> None:
    """Print a line a market."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="markets; all when left out")
    parser.add_argument("--share", type=float, default=1.0, help="of the seeds, 0 to 1")
    given = parser.parse_args()
    compiling.wait()
    pooled = of = 0
    for market in (*NULL, *PARTLY):
        if given.names and market.name not in given.names:
            continue
        seeds = max(1, round(given.share * market.seeds))
        found = count(market, seeds)
        viable, most = found["viable"], market.most * seeds / market.seeds
        if market in NULL:
            pooled, of = pooled + viable, of + seeds
        print(
            f"{market.name:28} n {seeds:5}  viable {viable:4} (at most {most:g})  "
            f"not viable {found['not viable']:4}  not enough data {found['not enough data']:4}",
            flush=True,
        )
    if of:
        print(
            f"{'null markets together':28} n {of:5}  viable {pooled:4} ({100 * pooled / of:.2f} %)"
        )


if __name__ == "__main__":
    main()
