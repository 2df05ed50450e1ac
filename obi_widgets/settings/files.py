"""Settings files: TOML or JSON, with a limit on size and nesting."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from obi_widgets.errors import SettingsError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TAKES = "Settings are saved as .toml or .json."

FORMAT = 2
"""Version of the files that `Settings.save` writes. In format 1 the signal is the imbalance."""

MAX_BYTES = 256 * 1024
"""Bytes. A file that `Settings.save` writes has a few thousand."""

MAX_DOTS = 200
"""Dots in one line of TOML."""

MAX_DEPTH = 16
"""Levels of nested tables and lists. A file that `Settings.save` writes has four."""

OFF = ("off", "all")
"""Words for None, which TOML does not have: a parameter that is off, or all levels."""


def write(path: Path, values: Mapping[str, Any], tables: Mapping[str, Any]) -> None:
    """Write settings and the tables besides them.

    Raises
    ------
    SettingsError
        If the file cannot be written.
    """
    settings = {
        name: ("all" if name == "depth" else "off") if value is None else value
        for name, value in values.items()
    }
    document: dict[str, Any] = {"format": FORMAT, "settings": settings, **tables}
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
    """Return the settings of a file, and its whole document.

    Raises
    ------
    SettingsError
        If the file cannot be read, or is of a newer version.
    """
    kind = kind_of(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        document = _parse(data, kind)
    except FileNotFoundError:
        raise SettingsError(f"There is no file {str(path)!r}.", "Check the path.") from None
    except (ValueError, OSError) as error:
        raise SettingsError(
            f"{path.name} cannot be read as {kind[1:].upper()}: {error}.",
            "Correct it there, or export the settings again.",
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("settings"), dict):
        raise SettingsError(
            f"{path.name}: It has no table 'settings'.",
            "Put the settings under [settings].",
        )
    version = document.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise SettingsError(
            f"{path.name}: Its format is {quoted(version)}, and this package reads formats up to "
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
    """Parse the bytes of a file.

    Raises
    ------
    ValueError
        If they are not TOML or JSON, too many, or nested too deep.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    text = data.decode("utf-8-sig")  # some editors write a byte order mark
    too_deep = f"its tables and lists are nested more than {MAX_DEPTH} deep"
    # A dotted key nests as well, and parsing it takes time that is quadratic in its parts.
    if kind == ".toml" and any(line.count(".") > MAX_DOTS for line in text.splitlines()):
        raise ValueError(too_deep)
    try:
        document: object = tomllib.loads(text) if kind == ".toml" else json.loads(text)
    except RecursionError:  # both parsers are recursive
        raise ValueError(too_deep) from None
    layer = [document]
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for value in layer:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        layer = inner
    if any(isinstance(value, dict | list) for value in layer):
        raise ValueError(too_deep)
    return document


def kind_of(path: Path) -> str:
    """Return the ending of a settings file, which says its format.

    Raises
    ------
    SettingsError
        If the ending is neither ``.toml`` nor ``.json``.
    """
    if path.suffix not in (".toml", ".json"):
        raise SettingsError(f"{path.name!r} ends in {path.suffix!r}.", TAKES)
    return path.suffix
