"""Results kept in a file, a line a market and seed, so that a long run can be done in parts.

A run adds what is not in the file yet, so runs of some seeds each, one after the other, come to the
same as one run of all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from scipy.stats import binomtest


def read(path: Path | None, rule: str) -> list[dict[str, Any]]:
    """Return the results in a file; those of another rule are refused, since they do not add up."""
    if path is None or not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    other = {one["rule"] for one in found} - {rule}
    if other:
        raise SystemExit(
            f"{path} has results of {other.pop()!r}, and not of {rule!r}: take another."
        )
    return found


def collected(
    path: Path | None, rule: str, market: str, seeds: Iterable[int],
    compute: Callable[[int], dict[str, Any]],
) -> list[dict[str, Any]]:  # fmt: skip
    """Return the results of a market, all that the file has, and those of more seeds.

    Parameters
    ----------
    path : Path or None
        The file; None keeps nothing.
    rule : str
        What was computed. Files of another rule are refused.
    market : str
        Name of the market.
    seeds : iterable of int
        Those that are computed if the file does not have them.
    compute : callable
        Returns the result of a seed, as JSON has it.
    """
    found = [one for one in read(path, rule) if one["market"] == market]
    done = {one["seed"] for one in found}
    for seed in seeds:
        if seed in done:
            continue
        found.append({"rule": rule, "market": market, "seed": seed, **compute(seed)})
        if path is not None:
            with path.open("a") as file:
                file.write(json.dumps(found[-1]) + "\n")
    return found


def rate(count: int, of: int) -> str:
    """Return how many of all, with the 95 % interval of Clopper and Pearson for the share."""
    if not of:
        return "none"
    span = binomtest(count, of).proportion_ci(method="exact")
    return f"{count} of {of} ({100 * span.low:.2f} to {100 * span.high:.2f} %)"
