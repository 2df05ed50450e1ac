"""Files of other programs and vendors that hold books: one format a file.

A file is recognised by its contents. To add a format, write a subclass of `EventFiles` in a file of
its own, and a line of `FORMATS`.
"""

from __future__ import annotations

from obi_widgets.feeds.formats.event_files import EventFiles, EventRecord
from obi_widgets.feeds.formats.opening import FORMATS, open_files

__all__ = ["FORMATS", "EventFiles", "EventRecord", "open_files"]
