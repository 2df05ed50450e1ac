"""The errors and warnings of this package.

All errors are subclasses of `ObiError`, so ``except obi.ObiError`` catches them all. Each has two
texts: ``what`` says what was wrong, and ``advice`` says what to do. ``str(error)`` joins them. Most
errors are also a ``ValueError`` or a ``TypeError``, as Python's own functions raise them. ::

    ObiError
    ├── ArgumentError (TypeError)     an argument has the wrong type
    ├── SettingsError (ValueError)    a setting or a number is unknown or out of its range
    ├── SourceError (ValueError)      no such venue, and no such recording
    ├── SymbolError (ValueError)      the symbol cannot be one of the venue's
    ├── VenueError                    a venue gave no order book: ``source``
    ├── RecordingError (ValueError)   a file cannot be read or written: ``path``, ``line``
    ├── HistoryError (ValueError)     data are not a history, or not one that fits the question
    │   └── LevelError                a price or a size cannot be stored
    ├── SealError (ValueError)        a sealed test cannot be opened, continued or saved
    ├── CancelledError                a computation was cancelled
    └── WorkerError (RuntimeError)    a worker process died, or a cluster was lost

    UserWarning
    └── RecordingWarning              part of a recording was not used
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

QUOTED = 100
"""The most characters of a value that an error quotes: a value from a file may be very long."""


class ObiError(Exception):
    """Base class of all errors that this package raises on purpose.

    Parameters
    ----------
    what : str
        What was wrong, and where. One or two sentences.
    advice : str
        What to do about it. One or two sentences, or empty.

    Examples
    --------
    >>> import obi_widgets as obi
    >>> try:
    ...     obi.Settings(depth=0)
    ... except obi.ObiError as error:
    ...     print(error.what)
    ...     print(error.advice)
    depth = 0 is not possible.
    Give a number from 1 to 50 levels, or None for all levels.
    """

    def __init__(self, what: str, advice: str = "") -> None:
        super().__init__(f"{what} {advice}".rstrip())
        self.what = what
        self.advice = advice


class ArgumentError(ObiError, TypeError):
    """An argument has the wrong type, such as a number where a path is needed."""


class SettingsError(ObiError, ValueError):
    """A setting or another number is unknown or out of its range.

    Files of settings that cannot be read or written raise it too.
    """


class SourceError(ObiError, ValueError):
    """A source is neither a known venue nor an existing recording."""


class SymbolError(ObiError, ValueError):
    """A symbol cannot be one of the venue's: for instance, it is written in lower case.

    A symbol that only the venue can know is no such error. The feed then ends in the state
    ``closed``, and says that the venue does not list it.
    """


class VenueError(ObiError):
    """A venue gave no order book: it was silent, refused a request, or does not list the symbol.

    Attributes
    ----------
    source : str
        The market, as ``venue:SYMBOL``.
    """

    def __init__(self, what: str, advice: str = "", *, source: str = "") -> None:
        super().__init__(what, advice)
        self.source = source


class RecordingError(ObiError, ValueError):
    """A recording, or another file of market data, cannot be read or written.

    Attributes
    ----------
    path : Path, optional
        The file. None when no single file is at fault.
    line : int
        The number of the faulty line, from 1. 0 when no single line is at fault.
    """

    def __init__(
        self, what: str, advice: str = "", *, path: Path | None = None, line: int = 0
    ) -> None:
        super().__init__(what, advice)
        self.path = path
        self.line = line


class RecordingWarning(UserWarning):
    """Part of a recording was not used, or not recorded. The message says which part, and why."""


class HistoryError(ObiError, ValueError):
    """Data do not form a history of order books, or a history does not fit what is asked of it."""


class LevelError(HistoryError):
    """A history cannot store the price or the size of a best level, so it skips that state."""


class SealError(ObiError, ValueError):
    """A sealed test cannot be opened, continued or saved, or its file was damaged or changed."""


class CancelledError(ObiError):
    """A computation was cancelled before it ended, so there is no result."""


class WorkerError(ObiError, RuntimeError):
    """A worker process died again and again, or the connection to a cluster was lost."""


def placed(error: ObiError, place: str) -> None:
    """Put before the words of an error where it happened, unless the place has no name."""
    if place:
        error.what = f"{place}: {error.what}"
        error.args = (f"{error.what} {error.advice}".rstrip(),)


def quoted(value: object) -> str:
    """Return the repr of a value, cut to `QUOTED` characters."""
    text = repr(value)
    return text if len(text) <= QUOTED else f"{text[: QUOTED - 1]}…"


def counted(count: float, one: str, many: str = "") -> str:
    """Return a number with its noun, such as "1 gap", "1,204 gaps" or "2 entries"."""
    return f"{count:,.0f} {one if count == 1 else many or one + 's'}"


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice for a wrong name: the most similar known name, or all known names.

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
    similar = [other for other in known if name and other.lower().startswith(name.lower())]
    similar = similar or get_close_matches(name[:QUOTED], known, n=1, cutoff=0.6)
    return f"Did you mean {similar[0]!r}?" if similar else f"Known are: {', '.join(known)}."
