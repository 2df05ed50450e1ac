"""HTTP answers that are late, too large, damaged or strange, each against a real server."""

import asyncio
import gzip
import itertools
import re
from contextlib import asynccontextmanager

import pytest

from obi_widgets.feeds import requests as requests_module
from obi_widgets.feeds.requests import Answer, Requests


@asynccontextmanager
async def serving(*pieces, pause=0.0):
    """Send these bytes, or those of one iterable, to whoever asks; yield the URL and requests."""
    pieces = pieces if isinstance(pieces[0], bytes) else pieces[0]
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if length := re.search(rb"Content-Length: (\d+)", asked[0], re.IGNORECASE):
            asked[0] += await reader.readexactly(int(length[1]))
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass  # who asked had enough
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", asked


def ask(*pieces, pause=0.0, body=""):
    """Return the answer, and the request as it was sent."""

    async def get():
        async with (
            serving(*pieces, pause=pause) as (url, asked),
            Requests(proxy="") as requests,
        ):
            return await requests.ask(url, await requests.wait_for_limit(url, print), body), asked

    answer, asked = asyncio.run(get())
    assert len(asked) == 1
    return answer, asked[0].lower()


def head(*headers, status="200 OK"):
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode()


def test_an_answer_is_a_status_a_text_and_the_servers_clock():
    answer, asked = ask(head("Date: Thu, 01 Jan 1970 00:01:40 GMT"), "größer".encode())
    assert answer == Answer(200, "größer", 100_000_000_000)
    assert b"accept-encoding: gzip\r\n" in asked


def test_what_is_asked_without_a_body_is_a_get_and_with_one_a_post_of_json():
    assert ask(head(), b"{}")[1].startswith(b"get / http/1.1\r\n")
    answer, asked = ask(head(), b"{}", body='{"type":"meta"}')
    assert answer == Answer(200, "{}", None)
    assert asked.startswith(b"post / http/1.1\r\n")
    assert b"content-type: application/json\r\n" in asked
    assert asked.endswith(b'\r\n\r\n{"type":"meta"}')


@pytest.mark.parametrize(
    "headers", [[], ["Date: soon"], ["Date: Thu, 01 Jan 1970 00:01:40 GMT", "Age: 3"]]
)
def test_a_clock_that_is_not_told_or_comes_from_a_cache_is_none(headers):
    assert ask(head(*headers), b"{}")[0] == Answer(200, "{}", None)


def test_an_answer_in_gzip_is_unpacked():
    packed = gzip.compress(b"ab" * 100_000)
    pieces = [packed[at : at + 50] for at in range(0, len(packed), 50)]
    answer, _ = ask(head("Content-Encoding: gzip"), *pieces)
    assert answer.body == "ab" * 100_000


def test_what_another_status_says_is_kept():
    assert ask(head(status="503 Service Unavailable"), b"later")[0] == Answer(503, "later")


def test_a_server_that_drips_is_cut_off(monkeypatch):
    monkeypatch.setattr(requests_module, "ANSWER_WITHIN", 0.5)
    drops = itertools.chain([head()], itertools.repeat(b"x"))
    assert ask(drops, pause=0.05)[0] == Answer(0, "no whole answer came within 0.5 s")


def test_a_server_that_drips_its_headers_is_cut_off(monkeypatch):
    monkeypatch.setattr(requests_module, "ANSWER_WITHIN", 0.5)
    drops = itertools.chain([b"HTTP/1.1 200 OK\r\nX: "], itertools.repeat(b"x"))
    assert ask(drops, pause=0.05)[0] == Answer(0, "no whole answer came within 0.5 s")


@pytest.mark.parametrize("within", [False, True])
def test_a_body_has_a_bound(monkeypatch, within):
    monkeypatch.setattr(requests_module, "LARGEST_BODY", 2**20)
    answer, _ = ask(head(), b"x" * (2**20 - within), b"" if within else b"x")
    assert answer == (
        Answer(200, "x" * (2**20 - 1)) if within else Answer(0, "the answer is larger than 1 MiB")
    )


def test_a_body_without_an_end_is_cut_off():
    pieces = itertools.chain([head()], itertools.repeat(b"x" * 2**20))
    assert ask(pieces)[0] == Answer(0, "the answer is larger than 64 MiB")


def test_a_bomb_is_unpacked_up_to_the_bound_only(monkeypatch):
    monkeypatch.setattr(requests_module, "LARGEST_BODY", 2**20)
    unpacked = 0
    real = requests_module.zlib.decompressobj

    class Counting:
        def __init__(self, **how):
            self.unpacker = real(**how)
            self.eof = False

        def decompress(self, data, most):
            nonlocal unpacked
            piece = self.unpacker.decompress(data, most)
            unpacked += len(piece)
            return piece

    monkeypatch.setattr(requests_module.zlib, "decompressobj", Counting)
    bomb = gzip.compress(bytes(200 * 2**20))
    answer, _ = ask(head("Content-Encoding: gzip"), bomb)
    assert answer == Answer(0, "the answer is larger than 1 MiB")
    assert unpacked == 2**20 + 1


@pytest.mark.parametrize(
    ("pieces", "says"),
    [
        (
            [head("Content-Encoding: gzip"), gzip.compress(b"x" * 1000)[:-9]],
            "the answer's compressed body was cut short",
        ),
        ([head("Content-Encoding: gzip"), b"no gzip at all"], "incorrect header check"),
        (
            [head("Content-Encoding: zstd"), b"\x28\xb5\x2f\xfd"],
            "the answer is compressed by 'zstd', which was not asked for",
        ),
        ([head("Content-Length: 10"), b"short"], "peer closed connection"),
        ([b"no HTTP at all\r\n\r\n"], "illegal status line"),
        ([b""], "Server disconnected"),
        ([head(*["X: " + "x" * 1000] * 500)], "Receive buffer too long"),
    ],
)
def test_a_damaged_answer_is_no_answer_and_says_why(pieces, says):
    answer, _ = ask(*pieces)
    assert answer.status == 0
    assert says in answer.body


def test_a_url_that_is_none_is_no_answer():
    async def get():
        async with Requests() as requests:
            return await requests.ask("http://[", 0.0)

    answer = asyncio.run(get())
    assert answer.status == 0
    assert answer.body
