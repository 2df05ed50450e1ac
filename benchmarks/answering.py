"""How thirty ways of answering a blind test score: does the score tell them apart?

``python -m benchmarks.answering [TESTS] [HOURS]`` makes so many tests of six tapes,
answers each tape in every way, and prints a table: 48 tests take some minutes.
Intervals are bootstrapped over whole tests, and differences are paired, tape by tape.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import obi_widgets as obi
from obi_widgets.kernels import loader

THRESHOLDS = np.linspace(0.1, 0.8, 8)
HOLDS = (2, 5, 10, 20, 40, 60, 120)
FEWEST = 20
"""Entries that a setting has to have, to be the best of all."""

SURE, NOT_SURE = 2.0, 0.5
"""A t value above which one believes; and the answer of who does not know."""


@dataclass(frozen=True)
class Seen:
    """What a student can compute of a tape.

    Attributes
    ----------
    tape : History
        The tape.
    settings : Parameters
        The rules of the test.
    costs : float
        Of a round trip, bps.
    random : numpy.random.Generator
        For who guesses.
    """

    tape: obi.History
    settings: Any
    costs: float
    random: np.random.Generator

    @cached_property
    def report(self) -> obi.Report:
        """The calibration of the rules, as the only ones that were tried."""
        return obi.calibrate(self.tape, self.settings, horizons=[self.settings.hold_seconds])

    @property
    def row(self) -> Any:
        """What mid did after states beyond the threshold."""
        return self.report.table.iloc[0]

    @property
    def naive_error(self) -> float:
        """Standard error of the mean move, as if all states were independent, bps."""
        return abs(float(self.row.mean_bps / self.row.t_naive))

    @cached_property
    def net(self) -> Any:
        """Net gains of the entries, which do not overlap, bps."""
        return obi.entries(self.tape, self.settings)["net_bps"].dropna().to_numpy()

    @property
    def t_net(self) -> float:
        """Mean net gain of an entry, in standard errors."""
        return float(self.net.mean() / (self.net.std(ddof=1) / len(self.net) ** 0.5))

    @property
    def trimmed(self) -> float:
        """Mean net gain without the five best and the five worst entries, bps."""
        return float(np.sort(self.net)[5:-5].mean())

    @property
    def halves(self) -> tuple[float, float]:
        """Mean net gain of the first and of the second half of the entries, bps."""
        half = len(self.net) // 2
        return float(self.net[:half].mean()), float(self.net[half:].mean())

    @property
    def sides(self) -> tuple[float, float]:
        """Mean net gain of the longs and of the shorts, bps."""
        trades = obi.entries(self.tape, self.settings).dropna(subset=["net_bps"])
        long = trades["side"] > 0
        return float(trades.net_bps[long].mean()), float(trades.net_bps[~long].mean())

    def swept(self, tape: obi.History) -> Any:
        """Return each threshold and hold with enough entries, and what it made."""
        found = obi.sweep(tape, threshold=THRESHOLDS, hold_seconds=HOLDS, settings=self.settings)
        frame = found.to_frame().reset_index()
        return frame[frame.entries >= FEWEST]

    @cached_property
    def best(self) -> Any:
        """The setting with the largest mean net gain."""
        found = self.swept(self.tape)
        return found.loc[found.mean_net_bps.idxmax()]

    def checked(self) -> float:
        """Return what the best setting of the first half made in the second, bps an entry."""
        half = len(self.tape) // 2
        found = self.swept(self.tape[:half])
        best = found.loc[found.mean_net_bps.idxmax()]
        rules = self.settings.replace(threshold=best.threshold, hold_seconds=best.hold_seconds)
        return float(obi.entries(self.tape[half:], rules)["net_bps"].mean())

    def of_best(self, tried: int) -> obi.Report:
        """Return the calibration of the best setting."""
        rules = self.settings.replace(threshold=self.best.threshold)
        return obi.calibrate(self.tape, rules, horizons=[self.best.hold_seconds], tried=tried)


def verdict(report: obi.Report) -> float:
    """Return 1 for viable, 0 for not viable, and 0.5 for not enough data."""
    return {"viable": 1.0, "not viable": 0.0, "not enough data": NOT_SURE}[report.verdict]


def above(gain: float, low: float, high: float) -> float:
    """Return the probability that a gain is above 0, given its 95 % interval."""
    return float(stats.norm.cdf(gain / ((high - low) / (2 * stats.norm.ppf(0.975)))))


def by_interval(seen: Seen) -> float:
    """Return the probability that the net gain is above 0, on the whole record."""
    made = seen.report.as_traded.iloc[0]
    return above(made.net_bps, made.ci_low, made.ci_high)


def by_hold_out(seen: Seen) -> float:
    """Return the probability that the net gain is above 0, in the hold-out."""
    made = seen.report.as_traded.iloc[0]
    return above(made.out_of_sample_bps, made.out_of_sample_low, made.out_of_sample_high)


def without_trend(seen: Seen) -> float:
    """Return the probability that the excess gain is above the costs, on the whole record."""
    made = seen.report.as_traded.iloc[0]
    net = made.excess_bps - made.cost_bps
    return above(net, made.excess_low - made.cost_bps, made.excess_high - made.cost_bps)


def both(seen: Seen) -> float:
    """Return the smaller of two: without the trend on the whole record, and in the hold-out."""
    made = seen.report.as_traded.iloc[0]
    trend = made.net_bps - (made.excess_bps - made.cost_bps)
    last = above(
        made.out_of_sample_bps - trend, made.out_of_sample_low - trend,
        made.out_of_sample_high - trend,
    )  # fmt: skip
    return min(without_trend(seen), last)


ANSWERS: dict[str, Callable[[Seen], float]] = {
    "always no": lambda _: 0.0,
    "always yes": lambda _: 1.0,
    "always 0.5": lambda _: NOT_SURE,
    "a coin": lambda seen: float(seen.random.random() < 0.5),
    "any probability": lambda seen: float(seen.random.random()),
    "the price rose": lambda seen: float(seen.tape.mid[-1] > seen.tape.mid[0]),
    "bids were larger": lambda seen: float(obi.compute(seen.tape, seen.settings).mean() > 0),
    "the threshold is often crossed": lambda seen: float(seen.row.n > 0.18 * len(seen.tape)),
    "IC above 0": lambda seen: float(seen.row.rank_ic > 0),
    "IC above 0.1": lambda seen: float(seen.row.rank_ic > 0.1),
    "naive t of the move": lambda seen: float(seen.row.t_naive > SURE),
    "t of the move, overlap corrected": lambda seen: float(seen.row.t > SURE),
    "naive t, after costs": lambda seen: float(
        (seen.row.mean_bps - seen.costs) / seen.naive_error > SURE
    ),
    "more than half of the entries won": lambda seen: float((seen.net > 0).mean() > 0.5),
    "entries made money before costs": lambda seen: float(
        seen.net.mean() + 2 * seen.settings.fee_bps > 0
    ),
    "entries made money after costs": lambda seen: float(seen.net.mean() > 0),
    "t of the entries, after costs": lambda seen: float(seen.t_net > SURE),
    "snooped sliders": lambda seen: float(seen.best.mean_net_bps > 0),
    "snooped sliders, t": lambda seen: float(seen.best.mean_net_bps / seen.best.se_bps > SURE),
    "snooped, then a second half": lambda seen: float(seen.checked() > 0),
    "calibrate of snooped, not told": lambda seen: verdict(seen.of_best(1)),
    "calibrate of snooped, trials told": lambda seen: verdict(
        seen.of_best(len(THRESHOLDS) * len(HOLDS))
    ),
    "calibrate's verdict": lambda seen: verdict(seen.report),
    "both halves made money": lambda seen: float(min(seen.halves) > 0),
    "longs and shorts both made money": lambda seen: float(min(seen.sides) > 0),
    "made money without its ten extremes": lambda seen: float(seen.trimmed > 0),
    "calibrate's interval, as it was": by_interval,
    "calibrate's interval of the hold-out": by_hold_out,
    "calibrate's interval, trend taken out": without_trend,
    "calibrate, trend out and hold-out": both,
}
"""Ways of answering: what is known of a tape gives the probability that it pays."""


def answered(seed: int, hours: float) -> dict[str, obi.BlindScore]:
    """Return the score of each way, on one test."""
    test = obi.blind_test(seed=seed, hours=hours)
    guesses = np.random.default_rng([seed, 9])
    seen = [Seen(one, test.settings, test.costs_bps, guesses) for one in test.tapes]
    answers = {name: [way(one) for one in seen] for name, way in ANSWERS.items()}
    test.answer_all(dict(enumerate(next(iter(answers.values())))))
    table = test.score().table  # the outcomes are those of the tapes, whatever is answered
    return {
        name: obi.BlindScore(table.assign(answer=said, traded=np.array(said) > 0.5), hours)
        for name, said in answers.items()
    }


def interval(values: Any, draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % interval of a mean over tests, by bootstrap."""
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (draws, len(values)))].mean(axis=1)
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def by_trap(found: list[dict[str, obi.BlindScore]]) -> pd.DataFrame:
    """Return the mean squared distance of some ways from the truth, by what may deceive."""
    ways = (
        "calibrate, trend out and hold-out", "calibrate's verdict",
        "calibrate's interval, as it was",
        "more than half of the entries won", "entries made money after costs",
        "naive t, after costs", "snooped sliders, t",
    )  # fmt: skip
    columns = {}
    for name in ways:
        said = pd.concat([one[name].table for one in found])
        trap = np.where(said.truth == "edge gone", said.truth, said.price)
        columns[name] = ((said.answer - said.pays) ** 2).groupby(trap).mean()
        many = said.groupby(trap).size()
    return pd.DataFrame({"tapes": many, **columns}).T


def main(tests: int = 48, hours: float = 3.0, first: int = 1000) -> None:
    """Print the table, the best first."""
    loader.wait()
    found = [answered(first + n, hours) for n in range(tests)]
    rows = []
    for name in ANSWERS:
        scores = [one[name] for one in found]
        brier = np.array([one.brier for one in scores])
        best = np.array([one.best_bps for one in scores])
        made = np.array([one.expected_bps for one in scores])
        right = np.array([one.right / len(one.table) for one in scores])
        net = np.array([one.net_bps for one in scores])
        rows.append((brier.mean(), name, brier, right, net, made / best.mean()))
    print("| answer | Brier score | right | bps a test, unseen | of the best that is possible |")
    print("|---|---|---|---|---|")
    for _, name, *columns in sorted(rows, key=lambda one: one[0]):
        brier, right, net, share = (
            f"{form(column.mean())} ({form(low)} to {form(high)})"
            for form, column in zip(
                ("{:.3f}".format, "{:.0%}".format, "{:+.0f}".format, "{:.0%}".format),
                columns, strict=True,
            )
            for low, high in (interval(column),)
        )  # fmt: skip
        print(f"| {name} | {brier} | {right} | {net} | {share} |")
    print("\nMean squared distance from the truth, by what a tape has:")
    print(by_trap(found).round(2).to_string())
    said = pd.concat([one["calibrate's verdict"].table for one in found])
    unsure, wrong = (said.answer == NOT_SURE).sum(), (np.abs(said.answer - said.pays) == 1).sum()
    print(f"\nOf {len(said)} verdicts {unsure} are 'not enough data', and {wrong} are wrong.")
    briers = {name: brier for _, name, brier, *_ in rows}
    pairs = sorted(briers, key=lambda name: briers[name].mean())
    print("\nNeighbours in the table, difference of the Brier scores, with its 95 % interval:")
    for better, worse in pairwise(pairs):
        low, high = interval(briers[worse] - briers[better])
        print(f"{worse} less {better}: {low:+.3f} to {high:+.3f}")
    told = sum(
        interval(briers[b] - briers[a], 500)[0] > 0
        for n, a in enumerate(pairs) for b in pairs[n + 1 :]
    )  # fmt: skip
    print(f"{told} of {len(pairs) * (len(pairs) - 1) // 2} pairs are told apart.")


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*map(int, given[:1]), *map(float, given[1:2]))
