"""Every format of files that become events, and the opening of files by their contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obi_widgets.errors import RecordingError
from obi_widgets.feeds.formats.binance_depth import BinanceDepth
from obi_widgets.feeds.formats.event_files import EventFiles, Head, head_of
from obi_widgets.feeds.formats.hftbacktest import HftBacktest
from obi_widgets.feeds.formats.lobster import Lobster
from obi_widgets.feeds.formats.tardis import Tardis
from obi_widgets.feeds.recording import Recording
from obi_widgets.feeds.recording.recording import files_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

FORMATS: tuple[type[EventFiles], ...] = (Tardis, BinanceDepth, HftBacktest, Lobster)
"""Every format. A new one needs a line here."""


def format_of(head: Head) -> type[EventFiles] | None:
    """Return the format of a file; None for a recording, a table or another file."""
    return next((one for one in FORMATS if one.recognises(head)), None)


def open_files(
    paths: str | Path | Iterable[str | Path], market: str | None = None
) -> Recording | EventFiles:
    """Return the recording, or the files of another format, at some paths.

    Raises
    ------
    RecordingError
        If the files cannot be read, or are of different formats.
    """
    files = files_of(paths, market)
    heads = [head_of(path) for path in files]
    found = [format_of(head) for head in heads]
    known = next((one for one in found if one), None)
    if known is None:
        return Recording(files, market=market)
    if known.empty_means_nothing:
        found = [one if head.data else known for one, head in zip(found, heads, strict=True)]
    first = found[0]
    if first is None or any(other is not first for other in found):
        names = [one.format if one else "a recording or unknown" for one in found]
        raise RecordingError(
            f"{files[0].name} is {names[0]}, and the other files are {_others(names)}.",
            "Load each by itself, and join them by obi.History.concat.",
            path=files[0],
        )
    return first(heads, market=market)


def _others(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(name for name in names if name != names[0]))
