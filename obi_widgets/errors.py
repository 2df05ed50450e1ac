"""Errors of this package. Each says what was wrong, and what to do about it."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

QUOTED = 100
"""Characters of a value that an error quotes at most: a value read from a file may be very long."""


class ObiError(Exception):
    """Base class of all errors that this package raises on purpose.

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
    """An argument has the wrong type."""


class SourceError(ObiError, ValueError):
    """A source is neither a known venue nor an existing recording."""


class SymbolError(ObiError, ValueError):
    """The venue does not list the symbol."""


class VenueError(ObiError):
    """A venue refused a request, could not be reached, or sent something unreadable.

    Attributes
    ----------
    status : int
        The HTTP status, or 0 when no answer came.
    """

    def __init__(self, what: str, advice: str = "", *, status: int = 0) -> None:
        super().__init__(what, advice)
        self.status = status


class RecordingError(ObiError, ValueError):
    """A recording cannot be read or written.

    Attributes
    ----------
    path : Path, optional
        The file, where it is known.
    line : int
        The line of the file, from 1; 0 where no line is to blame.
    """

    def __init__(
        self, what: str, advice: str = "", *, path: Path | None = None, line: int = 0
    ) -> None:
        super().__init__(what, advice)
        self.path = path
        self.line = line


class RecordingWarning(UserWarning):
    """Part of a recording's order book was not used; the message says which part, and why."""


class SettingsError(ObiError, ValueError):
    """A setting is unknown or out of its range, or a settings file cannot be read."""


class SealError(ObiError, ValueError):
    """A sealed test cannot be opened or continued, or its file is damaged."""


class HistoryError(ObiError, ValueError):
    """The given data do not form a history of order books."""


class LevelError(HistoryError):
    """A history cannot store the price or size of a best level, so the state is not recorded."""


class CancelledError(ObiError):
    """A long computation was cancelled."""


def quoted(value: object) -> str:
    """Return the repr of a value, cut to `QUOTED` characters."""
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 1]}…"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice that names the known name nearest to a wrong one, or all known names.

    Parameters
    ----------
    name : str
        The name that was not recognised.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str
        One sentence.
    """
    known = sorted(known)
    near = [candidate for candidate in known if name and candidate.lower().startswith(name.lower())]
    near = near or get_close_matches(name[:QUOTED], known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(known)}."
