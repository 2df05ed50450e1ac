"""The secret in the address of a server: given by a file or the environment, or made here."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from obi_widgets.errors import SettingsError

VARIABLE = "OBI_WIDGETS_SECRET"
"""Variable of the environment that may hold the secret."""

ALLOWED = re.compile(r"[A-Za-z0-9_-]{16,200}")
ADVICE = "Give 16 to 200 letters, digits, '-' or '_'."


class Secret(NamedTuple):
    """A secret, and whether only this process knows it, so that somebody has to be told."""

    text: str
    is_new: bool


def find_secret(path: str | None) -> Secret:
    """Return the secret of a file, else that of the environment, else a new one.

    Parameters
    ----------
    path : str or None
        A file that holds the secret alone, and that only its owner may read.

    Raises
    ------
    SettingsError
        If the file cannot be read, or others may read it, or what is given is no good secret.
        The message does not have the secret.
    """
    if path is not None:
        return Secret(_checked(_read(Path(path)), f"The secret in {path}"), is_new=False)
    if (given := os.environ.get(VARIABLE)) is not None:
        return Secret(_checked(given, f"The secret in {VARIABLE}"), is_new=False)
    return Secret(secrets.token_urlsafe(24), is_new=True)


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SettingsError(
                    f"Other users may read or change {path}.", f"Run: chmod 600 {path}"
                )
            return file.read(1000).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The secret cannot be read: {error}.", ADVICE) from None


def _checked(text: str, what: str) -> str:
    if not ALLOWED.fullmatch(text):
        raise SettingsError(f"{what} cannot be used.", ADVICE)
    return text
