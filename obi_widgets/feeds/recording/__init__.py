"""Raw frames to disk and back.

A recording is text, gzipped when its name ends in ``.gz``: a line a record, ``<receive time, ns>
<frame as received>``. What is not a frame of the book's websocket begins with ``@``::

    @frame [name, text]                 of another websocket, or one that would not fit on a line
    @open [name, ""]                    a websocket opened
    @close [name, reason]               it closed, or could not be opened
    @pong [name]                        it answered a ping
    @answer [name, status, body, date]  an answer by HTTP; the date, ns, when it told one
    @clock [shift]                      the clock here was set, by so many ns ahead or back; the
                                        line's own time is what it said before

A first line of JSON says which venue and symbol it is; captures made elsewhere in the same format
may lack it.

The file is only ever appended to, and what a second brought is on disk a second later: a kernel
that is killed loses no more. FileReader takes what can be read, and counts what was left out.
"""

from __future__ import annotations

from obi_widgets.feeds.recording.file_reader import Chunk
from obi_widgets.feeds.recording.lines import Record
from obi_widgets.feeds.recording.recorder import Recorder
from obi_widgets.feeds.recording.recording import Recording

__all__ = ["Chunk", "Record", "Recorder", "Recording"]
