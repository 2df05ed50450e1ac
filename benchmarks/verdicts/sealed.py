"""How often a sealed test is wrong if checked after every trade, and how soon it is right.

Market number m uses the seeds 100,000 · m + 0, 1, 2, …, as in `markets`. They were written down
before the test was run on them.

A state comes every half second, has a signal, and a trade of it is left at the next: so that what a
trade makes is one move of the price, and 5,000 trades are 5,000 draws. Before the seal there are
200 more, by which gains and losses are cut.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numba import njit

import obi_widgets as obi
from obi_widgets.calibration.confidence_sequence import ALPHA, BURN_IN, TUNED_AT, tuning
from obi_widgets.calibration.seal import clip_by
from obi_widgets.trading.decisions import decisions
from obi_widgets.trading.entries import scan

from . import markets
from .markets import Floats, Random

PAST, TRADES = 200, 5000
NULL_SEEDS, EDGE_SEEDS = 1000, 200
MOST = 67
"""False alarms in 1,000 markets that a rate of 5 % exceeds with a probability of 1 % or less."""

CHECKED = 3
"""Number of seeds of each market on which `SealedTest` itself is checked too."""

SIZE = 30.0
"""Standard deviation of a move, ticks: 3 bps."""

EDGES = (0.1, 0.2, 0.4)
"""Mean net gain of a trade, in its standard deviations. Before costs it is twice as large."""

FOUND = 0.8
"""Power of the test of fixed length to compare with."""

Draw = Callable[[Random, int], Floats]


def normal(random: Random, count: int) -> Floats:
    """Independent moves of one size."""
    return random.standard_normal(count)


def heavy_tails(random: Random, count: int) -> Floats:
    """Student's t with 2.2 degrees of freedom: the variance is barely finite."""
    return random.standard_t(2.2, count)


def jumps(random: Random, count: int) -> Floats:
    """A price that hardly moves, except for a jump in one of 1,200 trades."""
    moves = 0.3 * random.standard_normal(count)
    jumped = random.random(count) < 1 / 1200
    moves[jumped] += 60 * random.standard_normal(np.count_nonzero(jumped))
    return moves


def stochastic_volatility(random: Random, count: int) -> Floats:
    """Minutes of low and of high volatility in turn."""
    size = np.exp(0.8 * markets.autoregression(random, count, 300.0))
    return size * random.standard_normal(count)


def rare_losses(random: Random, count: int) -> Floats:
    """99 of 100 trades gain a little, and one loses all of it."""
    return np.where(random.random(count) < 0.01, -9.9, 0.1)


NULL: tuple[tuple[int, Draw, float | None], ...] = (
    (71, normal, None),
    (72, heavy_tails, None),
    (73, jumps, None),
    (74, stochastic_volatility, None),
    (75, rare_losses, 50.0),
)
"""Markets where at most `MOST` may be false alarms: number, what a trade makes, and where gains and
losses are cut, bps; None: as the past has it."""

BEYOND: tuple[tuple[int, Draw, float | None], ...] = ((75, rare_losses, None),)
"""Where more may be: in one of seven the past has no loss, and the cut is then below them all."""

EDGE: tuple[tuple[int, Draw], ...] = ((81, normal), (82, heavy_tails))


def market(random: Random, draw: Draw, gain: float) -> obi.History:
    """Return a market whose trades make a draw, and this gain beyond it, bps at mid."""
    count = PAST + TRADES + 2
    side = random.choice([-1.0, 1.0], count)
    made = SIZE * draw(random, count) + gain * markets.PRICE / 1e4
    moved = np.append(0.0, (side * made)[:-1])
    mid = np.maximum(np.cumsum(moved), -markets.PRICE / 2)
    return markets.book(markets.times(count), mid, 0.8 * side)


def settings(fee_bps: float | None) -> obi.Settings:
    """Return the settings to seal: at mid without costs, or at the touch with a fee."""
    return obi.Settings(
        depth=1, decay=0, threshold=0.4, hold_seconds=0.5,
        price="mid" if fee_bps is None else "touch", fee_bps=fee_bps or 0.0,
    )  # fmt: skip


def judged(
    history: obi.History, fee_bps: float | None, clip: float | None = None, *, check: bool
) -> tuple[Floats, Looked]:
    """Return what the trades after the past made, and what looking after each of them says.

    That is computed here once more, in compiled code; checked means that the sealed test itself
    says the same, which takes a tenth of a second.
    """
    chosen = settings(fee_bps)
    p = chosen.parameters
    past, rest = (
        scan(part, decisions(part, obi.imbalance(part, chosen), p), p, 0, None).net_bps
        for part in (history[: PAST + 1], history[PAST + 1 :])
    )
    nets, declared = rest[:TRADES], clip
    if clip is None:
        clip = clip_by(past[:-1].tolist())
    assert len(nets) == TRADES
    found = Looked(*looked_at(nets, clip, ALPHA, BURN_IN, tuning(TUNED_AT, 2 * ALPHA)))
    if check:
        itself = obi.sealed_test(history, chosen, after=history.time[PAST], clip_bps=declared)
        first = min((n for n in found[:2] if n), default=0)
        assert itself.seal.clip_bps == clip
        assert itself.to_frame()["net_bps"].tolist() == nets.tolist()
        assert itself.decided_after == first
        assert itself.decided == ("above zero" if found.above else "below zero") * bool(first)
    return nets, found


class Looked(NamedTuple):
    """After how many trades each is said for the first time; 0 where it never is.

    Of the verdicts the first one counts. ``alone`` is above zero by the asymptotic bound alone.
    """

    above: int
    below: int
    alone: int


@njit(cache=True)
def looked_at(nets, clip, error, burn_in, rho2):
    """Return a `Looked`, of each trade in its turn."""
    mean = squares = scaled = spread = won = lost = 0.0
    centre, variance, alone = 0.5, 0.25, 0
    for n in range(1, len(nets) + 1):
        net = nets[n - 1]
        away = net - mean
        mean += away / n
        squares += away * (net - mean)
        z = min(max(net, -clip), clip) / (2 * clip) + 0.5
        bet = min(np.sqrt(-2 * np.log(error) / (variance * n * np.log1p(n))), 1.5)
        won += np.log1p(bet * (z - 0.5))
        lost += np.log1p(bet * (0.5 - z))
        scaled += z
        centre = (0.5 + scaled) / (n + 1)
        spread += (z - centre) ** 2
        variance = (0.25 + spread) / (n + 1)
        if n < burn_in:
            continue
        log = np.log1p(np.sqrt(n * rho2 + 1) / (2 * error))
        margin = np.sqrt(squares / (n - 1) * 2 * (n * rho2 + 1) / (n * n * rho2) * log)
        if mean > margin and not alone:
            alone = n
        if mean > margin and won >= -np.log(error):
            return n, 0, alone
        if mean < -margin and lost >= -np.log(error):
            return 0, n, alone
    return 0, 0, alone


def false_alarms(seeds: range) -> list[dict[str, Any]]:
    """Count false alarms in markets where a trade makes nothing, and costs nothing."""
    found = []
    for number, draw, clip in (*NULL, *BEYOND):
        counts = np.zeros(3, int)
        for seed in seeds:
            random = np.random.default_rng(100_000 * number + seed)
            history = market(random, draw, 0.0)
            counts += np.array(judged(history, None, clip, check=seed < CHECKED)[1]) > 0
        names = ("above zero", "below zero", "above zero by the asymptotic bound alone")
        found.append(
            {"market": draw.__name__, "cut, bps": clip or "by the past", "n": len(seeds)}
            | dict(zip(names, counts.tolist(), strict=True))
        )
    return found


def fixed_length(nets: Floats) -> int:
    """Return the smallest number of trades at which a t test finds the edge often enough.

    One look, at a number that is fixed beforehand; one-sided, at 5 %. Of the same trades.
    """
    n = np.arange(2, nets.shape[1] + 1)
    mean = np.cumsum(nets, axis=1)[:, 1:] / n
    square = np.cumsum(nets * nets, axis=1)[:, 1:]
    error = np.sqrt((square - n * mean * mean) / (n - 1) / n)
    rate = np.mean(mean > 1.645 * error, axis=0)
    return int(n[np.argmax(rate >= FOUND)]) if np.any(rate >= FOUND) else 0


def times_to_detect(seeds: range) -> list[dict[str, Any]]:
    """Return the number of trades needed to find an edge of twice its cost."""
    found = []
    spread = 1e4 / markets.PRICE
    for number, draw in EDGE:
        for size in EDGES:
            net = size * SIZE * 1e4 / markets.PRICE  # bps; what a trade costs is as much
            took, nets = [], []
            for seed in seeds:
                random = np.random.default_rng(100_000 * number + seed)
                history = market(random, draw, 2 * net)
                made, looked = judged(history, (net - spread) / 2, check=seed < CHECKED)
                took.append([looked.above or np.inf, looked.alone or np.inf])
                nets.append(made)
            both, alone = np.quantile(took, [0.5, FOUND], axis=0, method="higher").T.tolist()
            found.append(
                {
                    "market": draw.__name__, "net, sd": size, "n": len(seeds),
                    "found": int(np.isfinite(took)[:, 0].sum()), "median, 80 %": both,
                    "by the asymptotic bound alone": alone,
                    "a fixed length that finds 80 %": fixed_length(np.array(nets)),
                }
            )  # fmt: skip
    return found


def sealed(part: slice) -> None:
    """Print both."""
    for number, line in enumerate(false_alarms(range(NULL_SEEDS)[part])):
        limit = f" (of {NULL_SEEDS} at most {MOST})" if number < len(NULL) else ""
        print(f"sealed test, false alarms: {line}{limit}")
    for line in times_to_detect(range(EDGE_SEEDS)[part]):
        print(f"sealed test, an edge of twice its cost: {line}")
