"""The score of a blind test: how good the answers were, and what they were worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False, eq=False)
class BlindScore:
    """How good the answers of a blind test were; `obi_widgets.BlindTest.score` makes it.

    Attributes
    ----------
    table : DataFrame
        A row for each tape, indexed by ``tape``: ``truth`` (``"pays"``, ``"edge below costs"``,
        ``"no edge"`` or ``"edge gone"``), ``price`` (``"calm"``, ``"trend"`` or ``"jumps"``),
        ``edge_bps`` (of an edge that is gone: while it lasted), ``pays``, ``answer`` (the
        probability that was stated) and ``traded``. Then what trading it makes on the next record
        of the same length, which nobody saw, whether it was traded or not: ``entries``,
        ``net_bps`` (as it happened, net of costs, summed over the entries) and ``expected_bps``
        (the same in the mean over prices, by the hidden pressure at each entry).
    hours : float
        Length of a tape.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> test = obi.blind_test(seed=3, markets=2, hours=0.1)
    >>> test.answer_all({0: False, 1: False})
    >>> test.score().net_bps
    0.0
    """

    table: pd.DataFrame
    hours: float

    @property
    def brier(self) -> float:
        """Mean squared distance between probability and truth: 0 is best, 0.25 is "I do not know".

        It is a proper score: nobody gains in the mean by stating another probability than believed.
        """
        return float(np.mean((self.table["answer"] - self.table["pays"]) ** 2))

    @property
    def right(self) -> float:
        """Number of tapes on the right side of 0.5; an answer of 0.5 counts half."""
        answers = self.table["answer"].to_numpy()
        on_its_side = (answers > 0.5) == self.table["pays"].to_numpy()
        return float(np.sum(np.where(answers == 0.5, 0.5, on_its_side)))

    @property
    def net_bps(self) -> float:
        """What the traded tapes made unseen, net of costs: a sum over entries of one size, bps."""
        return self._sum("net_bps", "traded")

    @property
    def expected_bps(self) -> float:
        """The same in the mean, without the luck of the price, bps."""
        return self._sum("expected_bps", "traded")

    @property
    def best_bps(self) -> float:
        """What trading exactly the tapes that pay makes in the mean, bps."""
        return self._sum("expected_bps", "pays")

    def _sum(self, column: str, where: str) -> float:
        return float(self.table.loc[self.table[where], column].sum())

    def __repr__(self) -> str:
        return (
            f"{self.right:g} of {len(self.table)} right. Brier score {self.brier:.3f} "
            f"(0 is best, 0.25 is not knowing). The tapes that were said to pay made "
            f"{self.net_bps:+z.0f} bps on {self.hours:g} h each that nobody saw, "
            f"{self.expected_bps:+z.0f} in the mean; the tapes that pay make {self.best_bps:+z.0f}."
        )
