"""The gates of settings over a history that grows, each state asked once.

A gate with a long look-back would compute all of it again for each new state. One that names a
`Follower` keeps what it needs instead. The others are computed for the new states, see
`Gate.compute`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from obi_widgets.history.columns import History
    from obi_widgets.trading.gates.gates import Gates

    Flags = NDArray[np.bool_]


class FollowedGates:
    """What gates allow, state after state.

    It says of each state what `Gates.allowed` says of a history that has all states so far, also
    where the history has dropped some of them.

    Parameters
    ----------
    gates : Gates
        The gates.
    """

    def __init__(self, gates: Gates) -> None:
        self._gates = [(gate, dict(gates[gate.name])) for gate in gates.gates]
        self._followers = [
            None if gate.follower is None else gate.follower(**values)
            for gate, values in self._gates
        ]
        self._next = 0  # the first state that followers have not seen, of the first state ever

    def allowed(self, history: History, first: int) -> Flags:
        """Return where an entry may begin.

        Parameters
        ----------
        history : History
            T states, the same market's each time, grown.
        first : int
            First state to return; not before those that the last call had not seen.

        Returns
        -------
        ndarray of bool, shape (2, T - first)
            For long entries, and for short ones.
        """
        new, lost = max(self._next - history.start, 0), self._next < history.start
        again = self._next > 0 and lost  # states were dropped before they came here
        self._next = history.start + len(history)
        out = np.ones((2, len(history) - first), bool)
        for (gate, values), follower in zip(self._gates, self._followers, strict=True):
            if follower is None:
                out &= gate.compute(history, values, first) == 1
                continue
            if again:
                follower.lose()
            found = follower.extend(history, new)
            out &= gate._followed(history, values, new, found)[:, first - new :] == 1
        return out
