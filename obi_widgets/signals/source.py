"""The source code of a signal: it tells apart two signals of the same name."""

from __future__ import annotations

import hashlib
import inspect
import textwrap
from contextlib import suppress
from typing import TYPE_CHECKING

from obi_widgets.errors import SettingsError
from obi_widgets.signals.registry import is_built_in

if TYPE_CHECKING:
    from obi_widgets.signals.declared import Declared
    from obi_widgets.signals.signal import Signal


def source_of(one: Declared) -> str:
    """Return the source of the function of a signal or a gate, from its decorator to its end.

    Raises
    ------
    SettingsError
        Python does not know the source, for example of a function typed at a bare prompt.
    """
    with suppress(OSError, TypeError):
        # Python 3.13 takes the text of `python -c` for the source of all that `exec` and `eval`
        # made, in that process.
        if inspect.getfile(inspect.unwrap(one.function)) != "<string>":
            return textwrap.dedent(inspect.getsource(one.function))
    raise SettingsError(
        f"Python does not know the source of the {one.kind} {one.name}.",
        "Define it in a notebook's cell or in a file.",
    )


def source_sha256(signal: Signal) -> str:
    """Return a hash of the user's functions in a signal; empty for a built-in signal.

    The hash does not cover what the function reads from outside, such as a global number.

    Raises
    ------
    SettingsError
        Python does not know the source of a function.
    """
    if is_built_in(signal):
        return ""
    parts = getattr(signal, "parts", None)
    text = source_of(signal) if parts is None else "\n".join(map(source_sha256, parts))
    return hashlib.sha256(text.encode()).hexdigest()
