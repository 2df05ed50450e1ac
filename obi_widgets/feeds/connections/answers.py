"""Answers over HTTP that many markets use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from obi_widgets.feeds.requests import Answer

FRESH_FOR = 60.0
"""Seconds that an answer is given to other markets."""


class Answers:
    """Requests what many markets ask for once. Belongs to one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], asyncio.Future[Answer | None]] = {}
        # With each answer, who had it. It must not keep a feed that has ended.
        self._kept: dict[tuple[str, str], tuple[Answer, WeakSet[object]]] = {}

    async def get(
        self, request: tuple[str, str], asker: object, ask: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer to a request.

        Parameters
        ----------
        request : tuple of str
            Its URL and its body.
        asker : object
            Who asks. The same answer is given only once to anybody: who asks again could not use
            it.
        ask : callable
            Sends the request.

        Returns
        -------
        Answer
            One that was received for somebody else has no date, since it may be a minute old.
        """
        while (waiting := self._under_way.get(request)) is not None:
            answer = await asyncio.shield(waiting)
            if answer is not None:  # also if it is a failure: not all have to ask one by one
                if request in self._kept:
                    self._kept[request][1].add(asker)
                return answer._replace(date_ns=None)
        kept = self._kept.get(request)
        if kept is not None and asker not in kept[1]:
            kept[1].add(asker)
            return kept[0]._replace(date_ns=None)
        loop = asyncio.get_running_loop()
        self._under_way[request] = done = loop.create_future()
        answer = None
        try:
            answer = await ask()
        finally:
            del self._under_way[request]
            if answer is not None and answer.status == 200:
                self._kept[request] = answer, WeakSet([asker])
                loop.call_later(FRESH_FOR, self._kept.pop, request, None)
            done.set_result(answer)
        return answer
