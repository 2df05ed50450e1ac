"""A blind test: simulated tapes, on which one says whether the imbalance pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from obi_widgets.checks import as_float, integer, number
from obi_widgets.errors import ArgumentError, SettingsError, quoted
from obi_widgets.settings.settings import Settings
from obi_widgets.teaching.score import BlindScore
from obi_widgets.teaching.tapes import Market, costs, made, tape

if TYPE_CHECKING:
    import pandas as pd

    from obi_widgets.history.columns import History
    from obi_widgets.settings.parameters import Parameters

MAX_SEED = 2**63 - 1
MOST = 100
"""Most tapes of a test: an hour of each takes about 1 MB."""

PAYS, BELOW_COSTS, NO_EDGE, GONE = "pays", "edge below costs", "no edge", "edge gone"
CHANCES = {PAYS: 1 / 2, BELOW_COSTS: 1 / 6, NO_EDGE: 1 / 6, GONE: 1 / 6}
"""Probability of each kind, of each tape by itself."""

PRICES = {"calm": 2 / 5, "trend": 2 / 5, "jumps": 1 / 5}
"""Probability of what the price does besides, whatever the kind."""

EDGES_THAT_PAY = (3.0, 5.0)
"""Range of the edge, bps. At the lower end an entry makes 0.5 bps net in the mean, at the upper one
1.3 bps."""

SHARE_OF_COSTS = (0.5, 0.95)
"""Range of the edge, as a share of the costs. No entry is expected to move further than the
edge, so no rule by which the imbalance is traded as a taker pays."""

EDGES_GONE, ENDS = (4.0, 5.5), (0.4, 0.65)
"""Range of an edge that is gone, bps, and of the share of the tape after which it is."""


class BlindTest:
    """Tapes whose truth is hidden, until all are answered; `obi_widgets.blind_test` makes it.

    Attributes
    ----------
    tapes : tuple of History
        The tapes, in order.
    settings : Parameters
        The rules by which a tape would be traded.
    costs_bps : float
        What a round trip costs, bps: the spread and two fees.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
    >>> test.answer(0, 0.5)
    >>> test
    <BlindTest seed 3: 2 tapes of 6 minutes, 1 answered>
    """

    def __init__(self, seed: int, markets: int, hours: float) -> None:
        self._seed, self._hours = seed, hours
        self._score: BlindScore | None = None
        self.settings: Parameters = Settings(
            depth=5, decay=0.0, threshold=0.5, hold_seconds=20.0, price="touch", fee_bps=0.25
        ).parameters
        self.costs_bps = costs(self.settings)
        self._answers: dict[int, float] = {}
        self.tapes: tuple[History, ...] = tuple(
            tape(3600 * hours, market, self._seeds(n, 0), f"TAPE-{n}").history
            for n, (_, market) in enumerate(self._truth(markets))
        )

    def _truth(self, markets: int) -> list[tuple[str, Market]]:
        """Return kind and market of each tape. It is drawn anew, so that no attribute tells it."""
        random, drawn = np.random.default_rng([self._seed, 0]), []
        for _ in range(markets):
            kind, price = (
                str(random.choice(list(chances), p=list(chances.values())))
                for chances in (CHANCES, PRICES)
            )
            low, high = {
                PAYS: EDGES_THAT_PAY,
                BELOW_COSTS: tuple(share * self.costs_bps for share in SHARE_OF_COSTS),
                NO_EDGE: (0.0, 0.0),
                GONE: EDGES_GONE,
            }[kind]
            edge = random.uniform(low, high)
            end, side = random.uniform(*ENDS), int(random.choice([-1, 1]))
            drawn.append((kind, Market(edge, end if kind == GONE else 1.0, price, side)))
        return drawn

    def _seeds(self, number: int, record: int) -> list[int]:
        """Return the seeds of a tape: record 0 is seen, record 1 judges."""
        return [self._seed, 1, number, record]

    @property
    def answers(self) -> dict[int, float]:
        """The answers so far: the probability that it pays, by the number of the tape."""
        return dict(self._answers)

    def answer(self, tape: int, pays: float) -> None:
        """Say how likely it is that a tape pays. A later answer replaces an earlier one.

        Parameters
        ----------
        tape : int
            Number of the tape, from 0.
        pays : float or bool
            Probability that trading it on by ``settings`` makes money after costs in the mean,
            0..1. True is 1, False is 0. Above 0.5 the tape is traded.

        Raises
        ------
        SettingsError
            If there is no such tape, it is no probability, or the score was shown already.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
        >>> test.answer(0, 0.9)
        >>> test.answer(1, False)
        >>> test.answers
        {0: 0.9, 1: 0.0}
        """
        if self._score is not None:
            raise SettingsError(
                "The score was shown, and the truth with it: no answer can be changed.",
                f"Make another test, such as obi.blind_test(seed={self._seed + 1}).",
            )
        number = integer("tape", tape, 0, len(self.tapes) - 1)
        probability = float(pays) if isinstance(pays, bool | np.bool_) else as_float(pays)
        if not 0 <= probability <= 1:
            raise SettingsError(
                f"pays = {quoted(pays)} is no probability.",
                "Give 0 (surely not) to 1 (surely), or True or False.",
            )
        self._answers[number] = probability

    def answer_all(self, answers: Mapping[int, float]) -> None:
        """Answer several tapes at once, as by `answer`.

        Parameters
        ----------
        answers : mapping of int to float
            Number of the tape, and the probability that it pays.

        Raises
        ------
        ArgumentError
            If it is no mapping.
        SettingsError
            As `answer`; those before the wrong one are kept.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
        >>> test.answer_all({0: 0.9, 1: 0.2})
        """
        if not isinstance(answers, Mapping):
            raise ArgumentError(
                f"answers is a {type(answers).__name__}.", "Give a dict such as {0: 0.9, 1: 0.2}."
            )
        for one, pays in answers.items():
            self.answer(one, pays)

    def score(self) -> BlindScore:
        """Return the score, and the truth. From then on no answer can be changed.

        Returns
        -------
        BlindScore
            Its ``table`` has a row for each tape.

        Raises
        ------
        SettingsError
            If a tape has no answer.

        Examples
        --------
        >>> import obi_widgets as obi
        >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
        >>> test.answer_all({0: 0.5, 1: 0.5})
        >>> test.score().brier
        0.25
        """
        if self._score is None:
            missing = [n for n in range(len(self.tapes)) if n not in self._answers]
            if missing:
                raise SettingsError(
                    f"Without an answer: tape {', '.join(map(str, missing))}.",
                    "Answer each; 0.5 says that you do not know.",
                )
            self._score = BlindScore(self._table(), self._hours)
        return self._score

    def _table(self) -> pd.DataFrame:
        """Return truth and answer of each tape, and what a record of it makes that nobody saw."""
        import pandas as pd

        rows = []
        for n, (kind, market) in enumerate(self._truth(len(self.tapes))):
            left = replace(market, edge=0.0 if kind == GONE else market.edge)
            unseen = tape(3600 * self._hours, left, self._seeds(n, 1), f"TAPE-{n}")
            found, answer = made(unseen, left.edge, self.settings), self._answers[n]
            rows.append({
                "truth": kind, "price": market.price, "edge_bps": market.edge,
                "pays": kind == PAYS, "answer": answer, "traded": answer > 0.5,
                "entries": found.entries, "net_bps": found.net, "expected_bps": found.expected,
            })  # fmt: skip
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="tape"))

    def __repr__(self) -> str:
        minutes = 60 * self._hours
        length = f"{self._hours:g} h" if self._hours >= 1 else f"{minutes:g} minutes"
        tapes = f"{len(self.tapes)} tape" + "s" * (len(self.tapes) > 1)
        return f"<BlindTest seed {self._seed}: {tapes} of {length}, {len(self._answers)} answered>"


def blind_test(*, seed: int = 0, markets: int = 6, hours: float = 3.0) -> BlindTest:
    """Make a blind test, which asks of each tape whether trading its imbalance pays.

    Each tape is drawn by itself. With probability 1/2 it pays: its edge is larger than its costs.
    With 1/6 each, its edge is smaller than its costs; or it has none; or it had a large one, which
    ended in the middle of the tape. Whichever it is, the price besides is calm (2/5), has a
    trend (2/5), or a few large jumps (1/5), and the book leans, to one side more often.

    Parameters
    ----------
    seed : int
        The same seed gives the same tapes and the same truth.
    markets : int
        Number of tapes, 1 to 100.
    hours : float
        Length of each tape, 0.05 to 24 hours. The shorter, the harder.

    Returns
    -------
    BlindTest
        It has the tapes, takes the answers and gives the score.

    Raises
    ------
    SettingsError
        If a number is out of its range.

    Notes
    -----
    What is true of a tape is known from the simulator, not from its sample: after a state with
    hidden pressure z, mid moves by edge · z · (1 − exp(−h/8 s)) bps in the mean within h seconds.
    The directions of a trend and of jumps know nothing of the book, and are drawn anew for each
    record. "It pays" says that in the next hours, whose price is not known yet, the expected gain
    of ``settings`` is above 0 after the spread and two fees.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
    >>> for number, tape in enumerate(test.tapes):
    ...     report = obi.calibrate(tape, test.settings, horizons=[20])
    ...     test.answer(number, report.verdict == "viable")
    >>> test.score().table["answer"].tolist()
    [0.0, 0.0]
    """
    return BlindTest(
        integer("seed", seed, 0, MAX_SEED),
        integer("markets", markets, 1, MOST, "tapes"),
        number("hours", hours, 0.05, 24.0, "hours"),
    )
