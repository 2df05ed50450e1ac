"""The file of a sealed test: replaced as a whole, checked when read, counted in its folder."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from obi_widgets.calibration.seal import Judged, Seal, Seen
from obi_widgets.calibration.track_record import TrackRecord
from obi_widgets.errors import SealError, SettingsError, quoted
from obi_widgets.settings.parameters import as_signal
from obi_widgets.settings.settings import Settings
from obi_widgets.signals.source import source_sha256
from obi_widgets.trading.post_only import queues_of
from obi_widgets.trading.trade_list import Held, StateKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from obi_widgets.signals.signal import Signal

KIND = "sealed test of obi-widgets"
VERSION = 3
"""Version of the files that are written.

In files of version 1 the signal is the imbalance. Files of versions 1 and 2 have one record, and
no post-only orders.
"""

FOLDER = "seals"
"""Default folder of sealed tests, beside the notebook."""

RESTORE = "Restore an earlier copy of it, or seal again in another file. This file is not changed."


T = TypeVar("T")


class Saved(NamedTuple):
    """The contents of a file; see `SealedTest` for the fields."""

    seal: Seal
    opened: int
    broken: str
    unseen: list[tuple[int, int]]
    seen: Seen | None
    records: tuple[TrackRecord, ...]


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def as_path(value: object) -> Path:
    """Return an absolute path, so that a change of the working directory does not matter.

    Raises
    ------
    SealError
        If the value is no path.
    """
    if not isinstance(value, str | Path) or not str(value):
        raise SealError(f"{quoted(value)} is no path.", "Give text or a pathlib.Path.")
    return Path(value).absolute()


def default_path(seal: Seal) -> Path:
    """Return the default path: its name has the market and the time of the seal."""
    market = re.sub(r"[^\w.-]+", "_", f"{seal.venue}-{seal.symbol}")
    return Path(FOLDER) / f"{market}-{seal.opened_at // 1_000_000}.json"


def target_of(path: str | Path | None, default: Path | None) -> Path:
    """Return the file to write to: the given one, or else the file of the test.

    Raises
    ------
    SealError
        If there is neither, or the name does not end in ``.json``.
    """
    target = as_path(path) if path is not None else default
    if target is None:
        raise SealError("This sealed test has no file.", "Give a path.")
    if target.suffix != ".json":
        raise SealError(
            f"{target.name!r} ends in {target.suffix!r}.", "Give a name that ends in .json."
        )
    return target


def to_text(saved: Saved) -> str:
    """Return the contents of a file as JSON text."""
    return _text(
        {
            "seal": saved.seal.as_table(),
            "seals_opened": saved.opened,
            "broken": saved.broken,
            "unseen": saved.unseen,
            "seen": saved.seen,
            "records": [
                {
                    "queue": record.queue,
                    "lost": record.lost,
                    "missed": record.missed,
                    "held": record.held,
                    "recent": record.recent.tolist(),
                    "trades": record.trades,
                }
                for record in saved.records
            ],
        }
    )


def save(seal: Seal, text: str, target: Path) -> Path:
    """Write the text of `to_text` to a file; see `SealedTest.save`."""
    head = {"kind": KIND, "version": VERSION, "sha256": seal.sha256, "checksum": _sum(text)}
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(f"{_text(head)[:-1]},{text[1:]}\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise SealError(
            f"{target} cannot be written: {error.strerror}.",
            "The test itself goes on. Free some disk space, or save it elsewhere.",
        ) from error
    return target


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def load(path: str | Path, make: Callable[[Saved, Path], T]) -> T:
    """Read a file; see `SealedTest.load`.

    Parameters
    ----------
    path : str or Path
        The file.
    make : callable
        Function that makes a test of the contents and the path. If it raises, the file is damaged.

    Raises
    ------
    SealError
        If the file cannot be read, is no sealed test, is of a newer version, or was changed.
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
        raise SealError(f"{path.name} is damaged: {error}.", RESTORE) from error
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
        raise SealError(
            f"{path.name} was changed after it was written: its checksum differs.", RESTORE
        )
    try:
        saved = _read(body, path)
        test = make(saved, path)
    except SealError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SealError(f"{path.name} is damaged: {error!r}.", RESTORE) from error
    if saved.seal.sha256 != document.get("sha256"):
        raise SealError(f"{path.name} is not what was sealed: its hash differs.", RESTORE)
    return test


def _read(body: dict[str, Any], path: Path) -> Saved:
    """Return the contents of a file, checked."""
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
    tables = body.get("records", [{"queue": "back", **body}])
    queues = tuple(table["queue"] for table in tables)
    if queues != queues_of(parameters):
        raise ValueError(f"the records are {queues}")
    return Saved(
        seal,
        opened=max(int(body["seals_opened"]), seal.number),
        broken=str(body["broken"]),
        unseen=[(int(start), int(end)) for start, end in body["unseen"]],
        seen=None if body["seen"] is None else Seen(*body["seen"]),
        records=tuple(_record(seal, table) for table in tables),
    )


def _record(seal: Seal, table: dict[str, Any]) -> TrackRecord:
    """Return the trades of a file, judged again."""
    record = TrackRecord(seal, table["queue"])
    last = seal.sealed_at + 1  # trades begin after the seal
    for entry, leave, side, net in table["trades"]:
        if not (last <= entry < leave and side in (-1, 1) and math.isfinite(net)):
            raise ValueError(f"the trade of {entry} does not follow the one before")
        record.add(Judged(entry, leave, side, float(net)))
        last = leave
    record.lost, record.missed = int(table["lost"]), int(table.get("missed", 0))
    if table["held"] is not None:
        position, decided = table["held"][:6], table["held"][6:]
        # Files of versions 1 and 2 have no post-only orders, so no list there.
        key = StateKey(*decided[0]) if decided and isinstance(decided[0], list) else None
        why = int(decided[1]) if len(decided) > 1 else 0
        grade = int(decided[2]) if len(decided) > 2 else 0
        record.held = Held(*position)._replace(decided=key, reason=why, grade=grade)
    recent = np.array(table.get("recent", []), np.int64)
    if len(recent) != len(record.recent) or (np.diff(recent) < 0).any():
        raise ValueError(f"the newest entries are {recent.tolist()}")
    record.recent = recent
    return record


def _signal(name: object, sha256: object, path: Path) -> Signal:
    """Return the sealed signal.

    Raises
    ------
    SealError
        If the signal is not defined here, or its source has changed.
    """
    try:
        signal = as_signal(name)
        now = source_sha256(signal)
    except SettingsError as error:
        raise SealError(f"{path.name}: {error.what}", error.advice) from error
    if now != sha256:
        raise SealError(
            f"{path.name} was sealed with other source code of the signal {name}.",
            "To continue, define it as it was then. Otherwise seal again in another file.",
        )
    return signal


def opened_in(folder: Path, market: str) -> int:
    """Return the number of sealed tests of a market that were ever opened in a folder.

    It is the largest number that a file has noted, and at least the number of files: a test that
    was deleted is still counted in the files of later tests. A file that cannot be read counts as
    one.
    """
    files = noted = 0
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
        opened = document.get("seals_opened")
        noted = max(noted, opened if type(opened) is int else 0)
    return max(files, noted)


def _documents(folder: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the contents of a folder's sealed tests; None for a file that cannot be read."""
    start = f'{{"kind":"{KIND}"'.encode()
    for path in sorted(folder.glob("*.json")):
        try:
            with path.open("rb") as file:
                if file.read(len(start)) != start:
                    continue  # not a sealed test
                document = json.loads(start + file.read())
        except (OSError, ValueError, RecursionError):
            yield None
        else:
            yield document
