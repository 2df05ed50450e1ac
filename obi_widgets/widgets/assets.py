"""Scripts and style sheets of the widgets, as texts."""

from __future__ import annotations

from pathlib import Path

STATIC = Path(__file__).parent / "static"


def asset(*names: str) -> str:
    """Return scripts or style sheets as one text.

    anywidget takes one script for each widget, and the script cannot import others. So scripts that
    share functions are joined. With a path instead of a text, anywidget would watch the file and
    never free the widgets of the class.
    """
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


STYLE = asset(
    "theme.css", "obi.css", "status.css", "book.css", "charts.css", "reading.css",
    "entry_list.css", "layers.css", "tape.css", "settings.css",
)  # fmt: skip
"""The style sheet of all widgets. It is sent once for a lab, by its `PageWidget`: a page has one
place for all style sheets. Some widgets add one of their own."""
