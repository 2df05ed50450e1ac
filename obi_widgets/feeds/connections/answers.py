"""Answers over HTTP that many markets use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from obi_widgets.feeds.limits import Tell, Wait
    from obi_widgets.feeds.requests import Answer

FRESH_FOR = 60.0
"""Seconds that an answer is given to other markets."""


class Asker(Protocol):
    """Who asks. It must be possible to hold it by a weak reference."""

    def tell(self, wait: Wait) -> None:
        """Show what a request waits for."""


class _UnderWay:
    """A request, and who waits for its answer."""

    def __init__(self) -> None:
        self.done: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self.askers: list[Asker] = []

    def tell(self, wait: Wait) -> None:
        for asker in self.askers:
            asker.tell(wait)


class Answers:
    """Requests what many markets ask for once. Belongs to one event loop."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], _UnderWay] = {}
        # With each answer, who had it. It must not keep a feed that has ended.
        self._kept: dict[tuple[str, str], tuple[Answer, WeakSet[Asker]]] = {}

    async def get(
        self, request: tuple[str, str], asker: Asker, ask: Callable[[Tell], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer to a request.

        Parameters
        ----------
        request : tuple of str
            Its URL and its body.
        asker : Asker
            Who asks. The same answer is given only once to anybody: who asks again could not use
            it.
        ask : callable
            Sends the request. What it waits for is to be told by its argument, to all askers.

        Returns
        -------
        Answer
            One that was received for somebody else has no date, since it may be a minute old.
        """
        while (waiting := self._under_way.get(request)) is not None:
            waiting.askers.append(asker)
            try:
                answer = await asyncio.shield(waiting.done)
            finally:
                waiting.askers.remove(asker)
            if answer is not None:  # also if it is a failure: not all have to ask one by one
                if request in self._kept:
                    self._kept[request][1].add(asker)
                return answer._replace(date_ns=None)
        kept = self._kept.get(request)
        if kept is not None and asker not in kept[1]:
            kept[1].add(asker)
            return kept[0]._replace(date_ns=None)
        self._under_way[request] = waiting = _UnderWay()
        waiting.askers.append(asker)
        answer = None
        try:
            answer = await ask(waiting.tell)
        finally:
            del self._under_way[request]
            if answer is not None and answer.status == 200:
                self._kept[request] = answer, WeakSet([asker])
                loop = asyncio.get_running_loop()
                loop.call_later(FRESH_FOR, self._kept.pop, request, None)
            waiting.done.set_result(answer)
        return answer
