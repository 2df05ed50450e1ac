"""Files of settings: TOML or JSON, of a bounded size and depth."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import SettingsError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAKES = "Settings are kept as .toml or .json."

FORMAT = 2
"""The version of the files that `Settings.save` writes. Of format 1 the signal is the imbalance."""

LARGEST_FILE = 256 * 1024
"""Bytes: a file that `Settings.save` writes has some thousands."""

MOST_DOTS = 200
"""In a line of TOML."""

DEEPEST = 16
"""Tables and lists within each other: in a file that `Settings.save` writes there are four."""

OFF = ("off", "all")
"""Words for None, which TOML does not have: a parameter that is off, all levels."""


def write(path: Path, values: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Write settings, and what is told beside them.

    Raises
    ------
    SettingsError
        A place that cannot be written to.
    """
    settings = {
        name: ("all" if name == "depth" else "off") if value is None else value
        for name, value in values.items()
    }
    document: dict[str, Any] = {"format": FORMAT, "settings": settings, **told}
    if kind_of(path) == ".toml":
        import tomli_w

        text = tomli_w.dumps(document)
    else:
        text = json.dumps(document, indent=2) + "\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place."
        ) from error


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings, and the whole document that they are part of.

    Raises
    ------
    SettingsError
        A file that is not readable as such, or of a newer version.
    """
    kind = kind_of(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        document = _parse(data, kind)
    except FileNotFoundError:
        raise SettingsError(f"There is no file {str(path)!r}.", "Check the path.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"{path.name} cannot be read as {kind[1:].upper()}: {error}.",
            "Mend it there, or export the settings again.",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise SettingsError(
            f"{path.name}: There is no table 'settings' in it.",
            "Put the settings under [settings].",
        )
    version = document.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise SettingsError(
            f"{path.name}: It is of format {quoted(version)}, and this package reads up to "
            f"{FORMAT}.",
            "Update with: pip install -U obi-widgets.",
        )
    settings = {
        name: None if value in OFF and name not in ("signal", "threshold_is") else value
        for name, value in document["settings"].items()
        if isinstance(value, str | int | float)
    }
    settings |= {k: v for k, v in document["settings"].items() if k not in settings}
    return settings, document


def _parse(data: bytes, kind: str) -> object:
    """Return what the bytes of a file say.

    Raises
    ------
    ValueError
        What is no TOML or JSON, is too large, or nests too deep.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it has more than {LARGEST_FILE:,} bytes")
    text = data.decode("utf-8-sig")  # some editors put a mark in front
    too_deep = f"tables and lists in it lie more than {DEEPEST} deep within each other"
    # A dotted key nests as well, and to read it takes as long as the square of its parts.
    if kind == ".toml" and any(line.count(".") > MOST_DOTS for line in text.splitlines()):
        raise ValueError(too_deep)
    try:
        document: object = tomllib.loads(text) if kind == ".toml" else json.loads(text)
    except RecursionError:  # both parsers call themselves
        raise ValueError(too_deep) from None
    layer = [document]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for one in layer:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        layer = inner
    if any(isinstance(one, dict | list) for one in layer):
        raise ValueError(too_deep)
    return document


def kind_of(path: Path) -> str:
    """Return how a file of settings is written, by its ending.

    Raises
    ------
    SettingsError
        Another ending.
    """
    if path.suffix not in (".toml", ".json"):
        raise SettingsError(f"{path.name!r} ends in {path.suffix!r}.", TAKES)
    return path.suffix
