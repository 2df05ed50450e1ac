"""A screen that only remembers, and waiting for what another thread does."""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager

import obi_widgets as obi


class View:
    """Keeps the frames that it is shown."""

    def __init__(self, *, looked_at=True, fails=None):
        self.looked_at = self.may_look = looked_at
        self.fails = fails
        self.frames = []
        self.words = 0
        self.ended = False

    def show(self, frame):
        self.frames.append(frame)
        if self.fails is not None:
            raise self.fails

    def keep_alive(self):
        self.words += 1

    def end(self):
        self.ended = True


def wait_for(condition, what="", patience=60.0):
    """Return what a condition comes to when it is true; fail when it does not become so.

    The patience is for a machine that is busy with others; no test measures how long it took.
    """
    until = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < until, f"waited in vain for {what or condition}"
        time.sleep(0.005)
    return found


def as_long_as(seconds, probe=0.2):
    """Return a limit that holds on a quiet machine, as long as a busy one makes it now.

    How busy it is is how much longer than its own time in the processor a computation takes.
    """
    began, used = time.monotonic(), time.process_time()
    while time.process_time() - used < probe:
        pass
    return seconds * max(1.0, (time.monotonic() - began) / probe)


def freed(*references):
    """Wait until nothing is there any more that these weak references refer to.

    A thread may hold it for another moment.
    """

    def left():
        began = time.monotonic()
        gc.collect()
        time.sleep(2 * (time.monotonic() - began))  # for the threads to end: it held the GIL
        return [one for one in (reference() for reference in references) if one is not None]

    wait_for(lambda: not left(), "all to be freed")


@contextmanager
def following(source, *views, **options):
    """Follow a source, shown to views; close it in the end."""
    session = obi.Session(source, **options)
    try:
        for view in views:
            session.attach(view)
        yield session
    finally:
        session.close()


def at_rest(view):
    """Wait until a session whose recording has ended has nothing more to show."""
    wait_for(lambda: view.frames and view.frames[-1].state == "closed", "the recording's end")
    wait_for(lambda: not view.frames[-1].rate >= 0.5, "the rate to fade")
    shown = -1
    while shown != len(view.frames):  # what came while the last frame was made is in the next
        shown = len(view.frames)
        time.sleep(0.6)
    return shown
