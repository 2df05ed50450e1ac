"""A sealed test in a file: replaced as a whole, checked when it is read, counted in its folder."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from obi_widgets.calibration.seal import Judged, Seal, Seen
from obi_widgets.errors import SealError, SettingsError, quoted
from obi_widgets.settings.parameters import as_signal
from obi_widgets.settings.settings import Settings
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.trade_list import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obi_widgets.signals.signal import Signal

KIND = "sealed test of obi-widgets"
VERSION = 2
"""Of the files that are written. In those of version 1 the signal is the imbalance."""

FOLDER = "seals"
"""Where they are kept when nothing else is asked for, beside the notebook."""

AGAIN = "Take a copy of it from before, or seal anew in another file; this one is left as it is."


T = TypeVar("T")


class Kept(NamedTuple):
    """What a file keeps of a test; see `SealedTest`."""

    seal: Seal
    opened: int
    broken: str
    lost: int
    missed: int
    unseen: list[tuple[int, int]]
    seen: Seen | None
    held: Held | None
    trades: list[Judged]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def as_path(value: object) -> Path:
    """Return a path, which stays the same place when the working directory changes.

    Raises
    ------
    SealError
        What is no path.
    """
    if not isinstance(value, str | Path) or not str(value):
        raise SealError(f"{quoted(value)} is no path.", "Give text or a pathlib.Path.")
    return Path(value).absolute()


def default_path(seal: Seal) -> Path:
    """Return a name that tells the market and the moment."""
    market = re.sub(r"[^\w.-]+", "_", f"{seal.venue}-{seal.symbol}")
    return Path(FOLDER) / f"{market}-{seal.opened_at // 1_000_000}.json"


def target_of(path: str | Path | None, kept_in: Path | None) -> Path:
    """Return the file to write to: the one that was given, or else the one that a test is kept in.

    Raises
    ------
    SealError
        Neither; a name that ends otherwise.
    """
    target = as_path(path) if path is not None else kept_in
    if target is None:
        raise SealError("This sealed test is kept nowhere.", "Give a path.")
    if target.suffix != ".json":
        raise SealError(f"{target.name!r} ends in {target.suffix!r}.", "It is kept as .json.")
    return target


def body_of(kept: Kept) -> str:
    """Return the text that a file has of a test: as it is at this moment."""
    return _text(
        {
            "seal": kept.seal.as_table(),
            "seals_opened": kept.opened,
            "broken": kept.broken,
            "lost": kept.lost,
            "missed": kept.missed,
            "unseen": kept.unseen,
            "seen": kept.seen,
            "held": kept.held,
            "trades": kept.trades,
        }
    )


def save(seal: Seal, text: str, target: Path) -> Path:
    """Write a test's text, as `body_of` returns it, to its file; see `SealedTest.save`."""
    head = {"kind": KIND, "version": VERSION, "sha256": seal.sha256, "checksum": _sum(text)}
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("w", encoding="utf-8") as file:
                file.write(f"{_text(head)[:-1]},{text[1:]}\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise SealError(
            f"{target} cannot be written: {error.strerror}.",
            "Nothing is lost while this goes on; make room, or save it elsewhere.",
        ) from error
    return target


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: str | Path, make: Callable[[Kept, Path], T]) -> T:
    """Read a file; see `SealedTest.load`.

    Parameters
    ----------
    path : str or Path
        The file.
    make : callable
        What makes a test of what the file keeps. An error that it raises is one of the file.
    """
    path = as_path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise SealError(f"There is no file {str(path)!r}.", "Check the path.") from None
    except OSError as error:
        raise SealError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SealError(f"{path.name} is damaged: {error}.", AGAIN) from error
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise SealError(f"{path.name} is no sealed test.", "Choose another file.")
    version = document.get("version")
    if type(version) is not int or version > VERSION:
        raise SealError(
            f"{path.name} is of version {version!r}, and this package reads up to {VERSION}.",
            "Update with: pip install -U obi-widgets.",
        )
    body = {k: v for k, v in document.items() if k not in ("kind", "version", "sha256", "checksum")}
    if _sum(_text(body)) != document.get("checksum"):
        raise SealError(f"{path.name} is not as it was written: its checksum differs.", AGAIN)
    try:
        kept = _read(body, path)
        test = make(kept, path)
    except SealError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SealError(f"{path.name} is damaged: {error!r}.", AGAIN) from error
    if kept.seal.sha256 != document.get("sha256"):
        raise SealError(f"{path.name} was sealed as something else: its hash differs.", AGAIN)
    return test


def _read(body: dict[str, Any], path: Path) -> Kept:
    """Return what a document tells of a test, checked."""
    table = dict(body["seal"])
    settings = dict(table.pop("settings"))
    signal = _signal(settings.pop("signal", "imbalance"), table.get("signal_sha256", ""), path)
    try:
        parameters = Settings(signal, **settings).parameters
    except SettingsError as error:
        raise ValueError(str(error)) from error
    if {*table, "signal_sha256"} != {one.name for one in fields(Seal)} - {"settings"}:
        raise ValueError(f"'seal' has {sorted(table)}")
    seal = Seal(settings=parameters, **table)
    trades = []
    last = seal.sealed_at + 1  # only what came after it
    for entry, leave, side, net in body["trades"]:
        if not (last <= entry < leave and side in (-1, 1) and math.isfinite(net)):
            raise ValueError(f"the trade of {entry} does not follow the one before")
        trades.append(Judged(entry, leave, side, float(net)))
        last = leave
    return Kept(
        seal,
        opened=max(int(body["seals_opened"]), seal.number),
        broken=str(body["broken"]),
        lost=int(body["lost"]),
        missed=int(body.get("missed", 0)),  # files from before have none
        unseen=[(int(start), int(end)) for start, end in body["unseen"]],
        seen=None if body["seen"] is None else Seen(*body["seen"]),
        held=None if body["held"] is None else Held(*body["held"]),
        trades=trades,
    )


def _signal(name: object, sha256: object, path: Path) -> Signal:
    """Return the signal that was sealed.

    Raises
    ------
    SealError
        One that is not known here, or that has another source by now.
    """
    try:
        signal = as_signal(name)
        now = source_sha256(signal)
    except SettingsError as error:
        raise SealError(f"{path.name}: {error.what}", error.advice) from error
    if now != sha256:
        raise SealError(
            f"{path.name} was sealed with another source of the signal {name}.",
            "Define it as it was then to go on, or seal anew in another file.",
        )
    return signal


def opened_in(folder: Path, market: str) -> int:
    """Return how many sealed tests of a market were ever opened in a folder.

    It is what the files there say, and at least how many they are: one that was deleted is counted
    by those that were opened after it. A file that cannot be read counts as one.
    """
    files = most = 0
    for document in _documents(folder):
        if document is None:
            files += 1
            continue
        seal = document.get("seal")
        if (
            not isinstance(seal, dict)
            or f"{seal.get('venue')}:{seal.get('symbol')}".strip(":") != market
        ):
            continue
        files += 1
        said = document.get("seals_opened")
        most = max(most, said if type(said) is int else 0)
    return max(files, most)


def _documents(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the documents of a folder's sealed tests; None for one that cannot be read."""
    start = f'{{"kind":"{KIND}"'.encode()
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as file:
                if file.read(len(start)) != start:
                    continue  # another one's file
                document = json.loads(start + file.read())
        except (OSError, ValueError, RecursionError):
            yield None
        else:
            yield document
