"""Answers over HTTP that many markets use."""

from __future__ import annotations

import asyncio
import weakref

from shared_tools import turns

from obi_widgets.feeds.connections import answers as answers_module
from obi_widgets.feeds.connections.answers import Answers
from obi_widgets.feeds.limits import Wait
from obi_widgets.feeds.requests import Answer


class Asker:
    """A feed, as far as answers know one."""

    def __init__(self):
        self.waits = []

    def tell(self, wait):
        self.waits.append(wait)


def test_what_many_ask_for_is_requested_once_and_again_only_for_who_had_it(monkeypatch):
    asked, answers = [], Answers()
    askers, other = [Asker(), Asker(), Asker()], Asker()

    async def ask(_):
        asked.append(len(asked))
        await turns(3)
        return Answer(200, str(asked[-1]), 7)

    async def play():
        request = "https://example/all", ""
        first = await asyncio.gather(*(answers.get(request, who, ask) for who in askers))
        assert [one.body for one in first] == ["0", "0", "0"]
        assert [one.date_ns for one in first] == [7, None, None]
        assert (await answers.get(request, other, ask)).body == "0"
        assert (await answers.get(request, askers[1], ask)).body == "1"  # who could not use it
        assert (await answers.get(("https://example/other", ""), other, ask)).body == "2"
        monkeypatch.setattr(answers_module, "FRESH_FOR", 0.0)
        assert (await answers.get(("https://example/old", ""), other, ask)).body == "3"
        await asyncio.sleep(0.01)
        assert (await answers.get(("https://example/old", ""), askers[0], ask)).body == "4"

    asyncio.run(play())
    assert len(asked) == 5
    gone = weakref.ref(askers[0])
    askers.clear()
    assert gone() is None  # who has ended is not kept


def test_a_failed_answer_is_not_kept_and_who_gives_up_does_not_take_it_from_the_others():
    asked, answers = [], Answers()

    async def ask(_):
        asked.append(len(asked))
        await turns(5)
        return Answer(500, "no")

    async def play():
        request = "https://example/all", ""
        first, second = (
            asyncio.create_task(answers.get(request, who, ask)) for who in (Asker(), Asker())
        )
        await turns(2)
        first.cancel()
        await asyncio.wait([first])
        assert (await second).status == 500
        assert (await answers.get(request, Asker(), ask)).status == 500

    asyncio.run(play())
    assert len(asked) == 3


def test_all_who_waited_for_an_answer_that_failed_have_it():
    asked, answers = [], Answers()

    async def ask(_):
        asked.append(len(asked))
        await turns(3)
        return Answer(0, "timed out")

    async def play():
        request = "https://example/all", ""
        found = await asyncio.gather(*(answers.get(request, Asker(), ask) for _ in range(5)))
        assert [one.status for one in found] == [0] * 5

    asyncio.run(play())
    assert len(asked) == 1


def test_all_who_wait_for_an_answer_are_told_why_and_who_gave_up_is_not():
    """As during a ban: one requests the list of markets for all."""
    answers, askers, request = Answers(), [Asker() for _ in range(3)], ("https://example/all", "")

    async def play():
        banned, over = asyncio.Event(), asyncio.Event()

        async def ask(tell):
            tell(Wait(600.0, 418))
            await banned.wait()
            tell(Wait(599.0, 418))
            await over.wait()
            return Answer(200, "all")

        waiting = [asyncio.create_task(answers.get(request, one, ask)) for one in askers]
        await turns()
        waiting[1].cancel()
        await asyncio.wait(waiting[1:2])
        banned.set()
        await turns()
        over.set()
        assert [(await waiting[one]).body for one in (0, 2)] == ["all", "all"]

    asyncio.run(play())
    first, last = Wait(600.0, 418), Wait(599.0, 418)
    assert [one.waits for one in askers] == [[first, last], [], [last]]
