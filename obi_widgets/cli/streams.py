"""Standard streams that any text can be written to, however the command was started."""

from __future__ import annotations

import codecs
import io
import os
import sys

PLAIN = {
    "−": "-", "–": "-", "—": "-", "…": "...", "⚠": "!", "·": ".", "×": "x", "≤": "<=", "≥": ">=",
    "→": "->", "±": "+-", "σ": "sd", "Σ": "Sum", "Δ": "d", "≈": "~", "∞": "inf", "’": "'",
}  # fmt: skip
"""What stands for a character where the stream's encoding has none: a minus must never get lost."""

UNKNOWN = "?"
"""What stands for all others."""


def prepare() -> None:
    """Let standard output take every text, and nothing else be at its place.

    Its encoding may be that of the locale ``C``, which has ASCII alone. A stream that was closed
    before the start would leave its descriptor to the next file or socket that is opened, and what
    is printed would be written to that.
    """
    for file in range(3):
        try:
            os.fstat(file)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest one that is free
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            setattr(sys, name, os.fdopen(nowhere, "w", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("obi-plain", _plain)
        sys.stdout.reconfigure(errors="obi-plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return plain characters for those that cannot be encoded."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(one, UNKNOWN) for one in text), error.end
