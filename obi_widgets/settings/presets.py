"""Presets: named values of settings. Three are built in; users save their own.

A built-in preset sets the time scale: the hold, and for the imbalance how far it looks into the
book. It leaves fees and orders as they are. Only the imbalance itself gets a threshold: those of
other signals are in other units. A preset of a user has all values.

Users' presets are ordinary files of settings, a file each, in the user's folder of configuration.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from obi_widgets.checks import path as as_path
from obi_widgets.checks import text
from obi_widgets.errors import SettingsError, quoted, suggest
from obi_widgets.settings import files
from obi_widgets.settings.parameters import Parameters
from obi_widgets.signals.imbalance import imbalance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obi_widgets.signals.signal import Signal


@dataclass(frozen=True)
class BuiltIn:
    """A preset of this package.

    Attributes
    ----------
    words : str
        What it is for.
    hold_seconds : float
        Hold, for every signal.
    threshold : float
        Threshold of the imbalance.
    of_book : mapping of str to object
        Parameters of the imbalance, also where a transform has them.
    windows : tuple of float
        Of the decision card of this mode: short, middle and long window, seconds.
    horizon : float
        Of that card: seconds after which its direction is judged.
    """

    words: str
    hold_seconds: float
    threshold: float
    of_book: Mapping[str, Any]
    windows: tuple[float, float, float]
    horizon: float


BUILT_IN = {
    "scalp": BuiltIn(
        "Seconds: a strong lean of the levels at the touch.",
        30.0, 0.6, {"decay": 0.5, "depth": 10, "band_bps": None},
        (10.0, 60.0, 300.0), 30.0,
    ),
    "day": BuiltIn(
        "Minutes: a lean of the best 25 levels.",
        300.0, 0.4, {"decay": 0.1, "depth": 25, "band_bps": None},
        (60.0, 300.0, 3600.0), 60.0,
    ),
    "swing": BuiltIn(
        "An hour: all levels that are kept. One state of a book seldom tells so much: calibrate.",
        3600.0, 0.3, {"decay": 0.02, "depth": None, "band_bps": None},
        (300.0, 3600.0, 14_400.0), 300.0,
    ),
}  # fmt: skip
"""The built-in presets. Their holds are those of a card that is drawn every 30 s, a middle of 5 min
and an hour; the decays halve a level's weight 1.4, 6.9 and 35 bps from mid."""

TAKES = "Give the name of a preset."

LONGEST_NAME = 40
"""Characters of a preset's name."""


class Chosen(Protocol):
    """What presets need of `Settings`, which is in a module above."""

    @property
    def signal(self) -> Signal:
        """The signal."""

    @property
    def parameters(self) -> Parameters:
        """All values."""

    def update(self, values: Parameters) -> None:
        """Set all values."""


class Presets:
    """The presets of settings: built-in ones, and those that a user has saved for their signal.

    Parameters
    ----------
    settings : Settings
        Settings to which they are applied.
    folder : Path, optional
        Folder of the user's presets. By default ``obi-widgets/presets`` in the user's folder of
        configuration: ``XDG_CONFIG_HOME`` or ``~/.config``, on macOS
        ``~/Library/Application Support``, on Windows ``APPDATA``.

    Examples
    --------
    >>> settings = obi.Settings(fee_bps=2)
    >>> settings.presets.apply("scalp")
    >>> settings.hold_seconds, settings.decay, settings.fee_bps
    (30.0, 0.5, 2.0)
    >>> settings.presets.chosen
    'scalp'
    >>> settings.undo()
    """

    def __init__(self, settings: Chosen, folder: Path | None = None) -> None:
        if not isinstance(getattr(settings, "parameters", None), Parameters):
            raise SettingsError(
                f"A {type(settings).__name__} is not settings.", "Give obi.Settings(...)."
            )
        self._settings = settings
        default = configuration_folder() / "presets"
        self.folder = default if folder is None else as_path(folder, "Give the name of a folder.")

    def names(self) -> list[str]:
        """Return the names of the built-in presets, then those of the user's."""
        return [*BUILT_IN, *self.own()]

    def own(self) -> list[str]:
        """Return the names of the presets that the user has saved for the signal, in order."""
        return sorted(self._own(), key=str.lower)

    @property
    def chosen(self) -> str:
        """Name of the preset whose values the settings have now; empty for none."""
        now = self._settings.parameters
        found = [name for name in BUILT_IN if self._values(name, now) == now]
        found += [name for name, path in self._own().items() if _has(path, now)]
        return found[0] if found else ""

    def words(self, name: str) -> str:
        """Return what a preset sets, and what it is for."""
        if text("name", name, TAKES) not in BUILT_IN:
            self._find(name)
            return "All values as you saved them."
        of = BUILT_IN[name]
        if set(of.of_book) <= set(self._settings.signal.parameters):
            return of.words
        return f"A hold of {of.hold_seconds:g} s; this signal has no depth to set."

    def apply(self, name: str) -> None:
        """Set the settings to the values of a preset. It can be undone.

        Raises
        ------
        SettingsError
            If there is no such preset for the signal, or its file cannot be read.
        """
        now = self._settings.parameters
        self._settings.update(self._values(name, now))

    def save(self, name: str) -> Path:
        """Save all present values as the user's own preset of the signal; return its file.

        A preset of the same name is replaced. The file is one of `Settings.load`.

        Raises
        ------
        SettingsError
            If the name is not possible, or the file cannot be written.
        """
        name = text("name", name, TAKES).strip()
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or name in BUILT_IN:
            raise SettingsError(
                f"A preset cannot have the name {quoted(name)}.",
                f"Give up to {LONGEST_NAME} characters, other than {', '.join(BUILT_IN)}.",
            )
        now = self._settings.parameters
        path = self._path(name, now.signal.name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"{path.parent} cannot be made: {error.strerror}.",
                "Save the settings as a file elsewhere, with settings.save(path).",
            ) from error
        files.write(path, now.as_table(), {"preset": {"name": name}})
        return path

    def remove(self, name: str) -> None:
        """Delete a preset that the user has saved.

        Raises
        ------
        SettingsError
            If there is no such preset of the signal, or its file cannot be deleted.
        """
        path = self._find(name)
        try:
            path.unlink()
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be deleted: {error.strerror}.", "Delete the file."
            ) from error

    def __repr__(self) -> str:
        return f"Presets({', '.join(self.names())})"

    def _values(self, name: str, now: Parameters) -> Parameters:
        """Return the values that a preset gives to settings."""
        if text("name", name, TAKES) not in BUILT_IN:
            return _read(self._find(name))
        of = BUILT_IN[name]
        kinds = imbalance.parameters
        values: dict[str, Any] = {"hold_seconds": of.hold_seconds}
        for parameter, declared in now.signal.parameters.items():
            if parameter in of.of_book and declared.kind == kinds[parameter].kind:
                values[parameter] = of.of_book[parameter]
        if now.signal == imbalance:
            values |= {"threshold_is": "value", "threshold": of.threshold}
        return now.replace(**values)

    def _find(self, name: str) -> Path:
        own, name = self._own(), text("name", name, TAKES)
        if name not in own:
            raise SettingsError(
                f"{self._settings.signal.name} has no preset {quoted(name)}.",
                suggest(name, [*BUILT_IN, *own]),
            )
        return own[name]

    def _own(self) -> dict[str, Path]:
        """Return the files of the user's presets of the signal, by their names."""
        of = self._settings.signal.name
        found = {}
        for path in sorted(self.folder.glob("*.toml")):
            try:
                values, document = files.read(path)
            except SettingsError:  # a damaged file is not offered
                continue
            table = document.get("preset")
            name = table.get("name") if isinstance(table, dict) else None
            if values.get("signal") == of and isinstance(name, str) and name not in BUILT_IN:
                found[name] = path
        return found

    def _path(self, name: str, signal: str) -> Path:
        """Return the file of a preset: its name as far as file names allow, and a hash."""
        readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        digest = hashlib.sha256(f"{signal}\n{name}".encode()).hexdigest()[:8]
        return self.folder / f"{readable or 'preset'}-{digest}.toml"


def _read(path: Path) -> Parameters:
    """Return the values in a file.

    Raises
    ------
    SettingsError
        If it cannot be read, or has values that are not possible.
    """
    values, _ = files.read(path)
    try:
        return Parameters(**values)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error.what}", error.advice) from error


def _has(path: Path, values: Parameters) -> bool:
    """Return whether a file has these values; a broken one has none."""
    try:
        return _read(path) == values
    except SettingsError:
        return False


def configuration_folder() -> Path:
    """Return the folder in which a user's configuration of this package is kept."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "obi-widgets"
