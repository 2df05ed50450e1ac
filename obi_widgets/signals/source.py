"""The source of a signal: what tells two signals of one name apart."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from typing import TYPE_CHECKING

from obi_widgets.errors import SettingsError
from obi_widgets.signals.registry import is_ours

if TYPE_CHECKING:
    from obi_widgets.signals.signal import Signal


def source_of(signal: Signal) -> str:
    """Return the source of a signal's function, from its decorator to its end.

    Raises
    ------
    SettingsError
        A function whose source Python does not know, as of one typed at a bare prompt.
    """
    try:
        return textwrap.dedent(inspect.getsource(signal.function))
    except (OSError, TypeError):
        raise SettingsError(
            f"The source of the signal {signal.name} is not known.",
            "Define it in a notebook's cell or in a file.",
        ) from None


def source_sha256(signal: Signal) -> str:
    """Return a hash of a user's functions that a signal is made of; empty for one of ours.

    What a function takes from outside of itself, as a global number, is not in it.

    Raises
    ------
    SettingsError
        A function whose source Python does not know.
    """
    if is_ours(signal):
        return ""
    parts = getattr(signal, "parts", None)
    text = source_of(signal) if parts is None else "\n".join(map(source_sha256, parts))
    return hashlib.sha256(text.encode()).hexdigest()
