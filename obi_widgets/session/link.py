"""The state of a lab as one text: source, settings, signals, window, selection and pin.

The text is readable, and safe in an address and in a chat::

    obi:1?source=sim:BTC-PERP&seed=3&a.signal=imbalance&a.decay=0.2&a.threshold=0.5&…&window=300

``a.`` are the settings, ``b.`` those that they are compared with, ``s1.`` and so on the stacked
signals. The 1 is the version.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

from obi_widgets.checks import text as as_text
from obi_widgets.errors import SettingsError, SourceError, quoted
from obi_widgets.parameters import Number
from obi_widgets.presentation.charts.time_range import TimeRange
from obi_widgets.session.stacked import MOST
from obi_widgets.settings.files import OFF
from obi_widgets.settings.parameters import GATES, Parameters, as_signal
from obi_widgets.signals.source import source_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from obi_widgets.history.incoming import Span

BEGIN = "obi:1?"
"""How a link of this version begins."""

LONGEST = 16_384
"""Characters of a link. Most have about 300."""

MOST_FIELDS = 400

OPTIONS = (
    "market", "speed", "levels", "history_seconds", "interval", "strict", "refresh_at", "edge",
    "seed", "warmup",
)  # fmt: skip
"""Options of a session that a link has, if they were given."""

STACKED = tuple(f"s{number}" for number in range(1, MOST + 1))
"""Prefixes of the stacked signals' parameters."""

TRUE, FALSE = "true", "false"

ADVICE = "Copy the whole link again, from obi: to its end."


class Linked(Protocol):
    """What a link sets of a session."""

    def look_at(self, seconds: float, end: int | None = None) -> None:
        """Choose the window."""

    def select(self, start: int | None = None, end: int | None = None) -> None:
        """Select the part that calibration uses."""

    def pin(self, time: object = None) -> None:
        """Show the state at a time."""

    def compare_with(self, settings: Parameters | None) -> None:
        """Compare the settings with others."""

    def tell(self, note: str) -> None:
        """Show a sentence."""


@dataclass(frozen=True)
class Link:
    """What a link says.

    Attributes
    ----------
    sources : tuple of str
        ``venue:SYMBOL``, or the paths of a recording.
    options : mapping of str to object
        Options that were given to the session.
    settings, other : Parameters
        The settings, and those that they are compared with, if any.
    time_range : TimeRange
        The window. It follows the newest state unless the source is a recording.
    selected : tuple of int, optional
        Part that calibration uses, nanoseconds UTC; of recordings only.
    sha256 : str
        Hash of a recording's files, 16 hex digits; empty for a market.
    code : str
        Hash of the source of a user's signal; empty for a built-in signal.
    stacked : tuple of Parameters
        The stacked signals.
    pinned : int, optional
        Time of the pin, nanoseconds UTC; of recordings only.
    """

    sources: tuple[str, ...]
    settings: Parameters
    time_range: TimeRange
    options: Mapping[str, Any] = field(default_factory=dict)
    other: Parameters | None = None
    selected: Span | None = None
    sha256: str = ""
    code: str = ""
    stacked: tuple[Parameters, ...] = ()
    pinned: int | None = None

    def __str__(self) -> str:
        fields: list[tuple[str, str]] = [("source", one) for one in self.sources]
        fields += [("sha256", self.sha256)] if self.sha256 else []
        fields += [(name, _written(self.options[name])) for name in OPTIONS if name in self.options]
        of_prefix = {
            "a": self.settings,
            "b": self.other,
            **dict(zip(STACKED, self.stacked, strict=False)),
        }
        for prefix, parameters in of_prefix.items():
            if parameters is not None:
                table = parameters.as_table()
                fields += [(f"{prefix}.{name}", _written(value)) for name, value in table.items()]
        fields += [("code", self.code)] if self.code else []
        fields.append(("window", _written(self.time_range.seconds)))
        if self.time_range.end is not None:
            fields.append(("end", str(self.time_range.end)))
        if self.selected is not None:
            fields += [("from", str(self.selected[0])), ("to", str(self.selected[1]))]
        if self.pinned is not None:
            fields.append(("pin", str(self.pinned)))
        return BEGIN + urlencode(fields, safe=":/(),", quote_via=quote)

    @classmethod
    def read(cls, text: str) -> Link:
        """Return what a link says.

        Raises
        ------
        SettingsError
            If the text is no link, or one of a newer version; or if it has a signal that is not
            registered, an unknown setting, or a value that is not possible.
        """
        text = as_text("link", text, "Give the text of lab.link().").strip()
        if not text.startswith(BEGIN):
            version = text.startswith("obi:")
            raise SettingsError(
                f"{quoted(text)} is {'a link of another version' if version else 'no link'}.",
                "Update with: pip install -U obi-widgets."
                if version
                else f"A link of a lab begins with {BEGIN}.",
            )
        if len(text) > LONGEST:
            raise SettingsError(f"The link has {len(text):,} characters.", ADVICE)
        try:
            fields = parse_qsl(
                text.removeprefix(BEGIN), keep_blank_values=True, strict_parsing=True,
                errors="strict", max_num_fields=MOST_FIELDS,
            )  # fmt: skip
            return cls._of(fields)
        except SettingsError:
            raise
        except (ValueError, KeyError) as error:
            what = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            raise SettingsError(f"The link cannot be read: {what}.", ADVICE) from error

    @classmethod
    def _of(cls, fields: Iterable[tuple[str, str]]) -> Link:
        sources, found = [], dict[str, str]()
        for name, value in fields:
            if name == "source":
                sources.append(value)
            elif name in found:
                raise ValueError(f"it has {quoted(name)} twice")
            else:
                found[name] = value
        if not sources:
            raise KeyError("source")
        values: dict[str, dict[str, str]] = {prefix: {} for prefix in ("a", "b", *STACKED)}
        for name in list(found):
            prefix, dot, parameter = name.partition(".")
            if dot and prefix in values:
                values[prefix][parameter] = found.pop(name)
        options = {name: _read(found.pop(name)) for name in OPTIONS if name in found}
        window = TimeRange(float(found.pop("window")), _time(found.pop("end", None))).checked()
        ends = _time(found.pop("from", None)), _time(found.pop("to", None))
        sha256, code = found.pop("sha256", ""), found.pop("code", "")
        pinned = _time(found.pop("pin", None))
        if found:
            raise ValueError(f"it has an unknown part {quoted(next(iter(found)))}")
        selected = None
        if ends[0] is not None and ends[1] is not None:
            selected = ends[0], ends[1]
        settings = _parameters(values["a"])
        other = _parameters(values["b"]) if values["b"] else None
        stacked = tuple(_parameters(values[one]) for one in STACKED if values[one])
        return cls(
            tuple(sources),
            settings,
            window,
            options,
            other,
            selected,
            sha256,
            code,
            stacked,
            pinned,
        )

    def source(self, given: str | Path | None = None) -> str | list[str]:
        """Return the source to open; a recording must be the one that the link was made from.

        Parameters
        ----------
        given : str or Path, optional
            Where the recording is, if it is somewhere else now.

        Raises
        ------
        SourceError
            If there is no such file, or it is another recording.
        """
        sources = list(self.sources) if given is None else [str(given)]
        if self.sha256:
            for one in sources:
                if not Path(one).exists():
                    raise SourceError(
                        f"The recording {quoted(one)} of the link is not here.",
                        "Say where it is: obi.Lab.from_link(link, source='path').",
                    )
            if hash_of(sources) != self.sha256:
                raise SourceError(
                    f"{quoted(sources[0])} is not the recording that the link was made from.",
                    "Open the file without the link, obi.Lab(path), or find the right one.",
                )
        return sources if len(sources) > 1 else sources[0]

    def apply(self, session: Linked) -> None:
        """Set window, selection, pin and comparison of a session, once its source is open."""
        session.look_at(*self.time_range)
        session.pin(self.pinned)
        if self.selected is not None:
            session.select(*self.selected)
        session.compare_with(self.other)
        if self.code and self.code != code_of(self.settings):
            name = self.settings.signal.name
            session.tell(f"The signal {name} has other code here than where the link was made.")


def hash_of(paths: Iterable[str | Path]) -> str:
    """Return a hash of the content of files, 16 hex digits."""
    whole = hashlib.sha256()
    for path in paths:
        stat = Path(path).stat()
        whole.update(_digest(Path(path), stat.st_size, stat.st_mtime_ns))
    return whole.hexdigest()[:16]


@lru_cache(256)
def _digest(path: Path, size: int, changed: int) -> bytes:  # noqa: ARG001 a changed file is another
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def code_of(parameters: Parameters) -> str:
    """Return a hash of the source of a user's signal, 12 hex digits; empty if it has none."""
    try:
        return source_sha256(parameters.signal)[:12]
    except SettingsError:  # typed at a bare prompt
        return ""


def _parameters(values: dict[str, str]) -> Parameters:
    """Return settings from the texts of their values."""
    signal = as_signal(values.pop("signal"))
    defaults = Parameters(signal)
    read: dict[str, Any] = {}
    for name, text in values.items():
        declared = defaults.declared.get(name)
        # An unknown name goes on, so that `Parameters` says which ones there are.
        number = declared is not None and isinstance(declared.kind, Number)
        read[name] = (None if text in OFF else float(text)) if number else text
    if GATES in read:
        read[GATES] = json.loads(read[GATES])
    return Parameters(signal, **read)


def _written(value: object) -> str:
    if value is None:
        return OFF[0]
    if isinstance(value, bool):
        return TRUE if value else FALSE
    if isinstance(value, dict):  # gates
        return json.dumps(value, separators=(",", ":"))
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def _read(text: str) -> object:
    """Return the value of an option: a number if it is one, else what it says."""
    if text in (TRUE, FALSE):
        return text == TRUE
    if text == OFF[0]:
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _time(text: str | None) -> int | None:
    return None if text is None else int(text)
