"""What a command line says of settings and of a source: a file, or a name and values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from obi_widgets.errors import SettingsError, quoted
from obi_widgets.parameters import Number
from obi_widgets.settings.files import OFF
from obi_widgets.settings.parameters import Parameters, as_signal
from obi_widgets.settings.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

ENDINGS = (".toml", ".json")
"""What the name of a settings file ends in."""


class Config(NamedTuple):
    """Settings, and the source that they are for.

    Attributes
    ----------
    settings : Settings
        The settings.
    source : str
        ``venue:SYMBOL`` or the path of a recording; empty if it is not known.
    kept : dict of str to object
        Levels and interval that the settings were tuned with: a signal of all levels is another
        one with more of them. Empty if not known.
    """

    settings: Settings
    source: str
    kept: dict[str, Any]


def is_config(text: str) -> bool:
    """Return whether a text names a settings file, and not a source."""
    return Path(text).suffix in (*ENDINGS, ".py") and ":" not in text


def read_config(path: str) -> Config:
    """Return the settings of a file, and what it says of their data.

    Raises
    ------
    SettingsError
        If the file cannot be read, or is a strategy.
    """
    if Path(path).suffix == ".py":
        raise SettingsError(
            f"{Path(path).name} is a strategy, which runs by itself.",
            "Export the same settings as .toml, and give that file.",
        )
    settings = Settings.load(path)
    tuned = settings.provenance
    if tuned is None:
        return Config(settings, "", {})
    return Config(settings, tuned.market, {"levels": tuned.levels, "interval": tuned.interval})


def find_config(named: str, source: str | None, changes: Iterable[str]) -> Config:
    """Return what a command follows: a settings file on its market, or a source.

    Parameters
    ----------
    named : str
        A settings file, or a source, which has the default settings.
    source : str, optional
        Source to follow in place of the file's market.
    changes : iterable of str
        Texts ``NAME=VALUE``, see `with_changes`.

    Raises
    ------
    SettingsError
        If there is no source, or a change is not possible.
    """
    config = read_config(named) if is_config(named) else Config(Settings(), named, {})
    if source is not None:
        config = config._replace(source=source)
    if not config.source:
        raise SettingsError(
            f"{Path(named).name} does not say which market its settings are for.",
            "Give one: --source venue:SYMBOL.",
        )
    return config._replace(settings=with_changes(config.settings, changes))


def with_changes(settings: Settings, changes: Iterable[str]) -> Settings:
    """Return settings with some values changed.

    Parameters
    ----------
    settings : Settings
        They are returned as they are if nothing changes.
    changes : iterable of str
        Texts such as ``depth=5``, ``band_bps=off`` or ``signal=queue_imbalance``.

    Raises
    ------
    SettingsError
        If a text is no change, or there is no such setting or value.
    """
    changed: dict[str, Any] = {}
    for text in changes:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise SettingsError(f"{quoted(text)} is no change.", "Give NAME=VALUE, as depth=5.")
        changed[name] = value
    if not changed:
        return settings
    parameters = settings.parameters
    if "signal" in changed:
        parameters = Parameters(as_signal(changed.pop("signal")))
    declared = parameters.declared
    values = {
        name: _value(value, numeric=name in declared and isinstance(declared[name].kind, Number))
        for name, value in changed.items()
    }
    return Settings(**parameters.replace(**values).as_dict())


def _value(text: str, *, numeric: bool) -> object:
    """Return the value that a text says; of a number that it is not, the text itself."""
    if not numeric:
        return text
    try:
        return None if text in OFF else float(text)
    except ValueError:
        return text
