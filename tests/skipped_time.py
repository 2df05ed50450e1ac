"""Event loops in which waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from types import SimpleNamespace


class SkippingSelector(selectors.DefaultSelector):
    """Lets the time that an event loop would sleep be over at once.

    A look takes a little time, or a wait that is too short for a float would never be over.
    """

    now = 1000.0

    def select(self, timeout=None):
        self.now += max(timeout or 0.0, 1e-8)
        return super().select(0 if timeout else timeout)


def skipping(monkeypatch, *modules):
    """Return what runs a coroutine in a time of its own, which these modules then have too.

    Only sleeping takes time in it. Its attribute ``clock`` is its `time.monotonic`.
    """
    selector = SkippingSelector()
    clock = SimpleNamespace(monotonic=lambda: selector.now, time_ns=lambda: 0)

    def loop():
        made = asyncio.SelectorEventLoop(selector)
        made.time = clock.monotonic
        return made

    def run(coroutine):
        for module in modules:
            monkeypatch.setattr(module, "time", clock)
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(coroutine)

    run.clock = clock.monotonic
    return run
