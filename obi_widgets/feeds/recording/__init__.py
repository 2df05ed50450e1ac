"""Raw frames written to disk, and read again.

A recording is text, compressed by gzip if its name ends in ``.gz``. Each line is a record:
``<receive time, ns> <frame as received>``. A record that is not a plain frame of the book's
websocket has a word with ``@`` in place of the frame::

    @frame [name, text]                 a frame of another websocket, or one that cannot stand
                                        in a line as it is: with line breaks, or broken JSON
    @open [name, ""]                    a websocket was opened
    @close [name, reason]               a websocket was closed, or could not be opened
    @pong [name]                        a websocket answered a ping
    @answer [name, status, body, date]  an answer by HTTP, with its ``Date`` header, ns, if any
    @clock [shift]                      this computer's clock was set ahead by ``shift`` ns, or
                                        back if negative; the line's time is by the old clock
    @end []                             the recorder ended the file; until then, it heard all

The first line is JSON that names the venue and the symbol. Captures from elsewhere in the same
format may lack it.

A record is on disk within a second, so a kernel that is killed loses at most that. Nothing in the
file is overwritten. The reader skips what it cannot read, and counts it.
"""

from __future__ import annotations

from obi_widgets.feeds.recording.file_reader import Chunk
from obi_widgets.feeds.recording.lines import Record
from obi_widgets.feeds.recording.recorder import Recorder
from obi_widgets.feeds.recording.recording import Recording

__all__ = ["Chunk", "Record", "Recorder", "Recording"]
