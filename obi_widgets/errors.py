"""What can go wrong, each with what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

QUOTED = 100
"""Characters of a value that an error quotes: a file may hold one of any length."""


class ObiError(Exception):
    """The base of every error that this package raises on purpose.

    Parameters
    ----------
    what : str
        What was wrong, and where. One sentence.
    advice : str
        What to do about it. One sentence, or empty.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what} {advice}".rstrip())
        self.what = what
        self.advice = advice


class ArgumentError(ObiError, TypeError):
    """An argument that is of another kind than what is needed."""


class SourceError(ObiError, ValueError):
    """A source that is not a known venue, nor a recording that exists."""


class SymbolError(ObiError, ValueError):
    """A symbol that the venue does not list."""


class VenueError(ObiError):
    """A venue that refuses, cannot be reached, or says something unreadable.

    Attributes
    ----------
    status : int
        The HTTP status, or 0 when no answer came.
    """

    def __init__(self, what: str, advice: str = "", *, status: int = 0) -> None:
        super().__init__(what, advice)
        self.status = status


class RecordingError(ObiError, ValueError):
    """A recording that cannot be read, with the file and the line."""

    def __init__(
        self, what: str, advice: str = "", *, path: Path | None = None, line: int = 0
    ) -> None:
        super().__init__(what, advice)
        self.path = path
        self.line = line


class RecordingWarning(UserWarning):
    """Some of a recording's book was not used: what, and why."""


class SettingsError(ObiError, ValueError):
    """A setting that is unknown or out of its range, or a file of them that cannot be read."""


class SealError(ObiError, ValueError):
    """A sealed test that cannot be opened or gone on with, or a file of one that is damaged."""


class HistoryError(ObiError, ValueError):
    """Arrays that do not describe a history of order books."""


class LevelError(HistoryError):
    """A best level whose price or size a history cannot hold, so that there is no state."""


class CancelledError(ObiError):
    """Something that takes long was told to stop."""


def quoted(value: object) -> str:
    """Return a value as a sentence quotes it: of a long one, the beginning."""
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 1]}…"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice that names the nearest of the known names, or all of them.

    Parameters
    ----------
    name : str
        What was asked for.
    known : iterable of str
        What there is.

    Returns
    -------
    str
        One sentence.
    """
    known = sorted(known)
    near = [one for one in known if name and one.lower().startswith(name.lower())]
    near = near or get_close_matches(name[:QUOTED], known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
