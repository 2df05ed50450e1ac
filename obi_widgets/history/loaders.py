"""Histories that a computation takes one after the other, each loaded when its turn comes.

A `Loader` is small and can be pickled, so that it travels to the process that needs its history,
and the history itself does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from obi_widgets.history.columns import History


class Loaded(NamedTuple):
    """What a loader has loaded.

    Attributes
    ----------
    history : History or None
        None if there is nothing to compute with, which a warning then says.
    warnings : tuple of str
        Sentences for the user, such as which data were not used.
    """

    history: History | None
    warnings: tuple[str, ...] = ()


class Loader(Protocol):
    """One history that is loaded when it is needed."""

    @property
    def name(self) -> str:
        """What an error calls it, such as a date; empty for a history that is in memory."""

    @property
    def states(self) -> int | None:
        """Number of states; None if it is known only once the history is loaded."""

    def load(self) -> Loaded:
        """Load it."""


@runtime_checkable
class HasLoaders(Protocol):
    """A sequence of histories of one market that are loaded when they are needed."""

    @property
    def market(self) -> str:
        """``venue:SYMBOL``."""

    @property
    def loaders(self) -> Sequence[Loader]:
        """One for each history, in order of time."""


class Given(NamedTuple):
    """The loader of a history that is in memory."""

    history: History
    name: str = ""

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.history)

    def load(self) -> Loaded:
        """Return the history."""
        return Loaded(self.history)
