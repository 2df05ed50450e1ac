"""Good frames of a small book, and mutations of them."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np

MS = 1_000_000
LEVELS = 30
"""Levels per side of a good snapshot."""

ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2**31, 2**53 + 1, 2**62, 2**63, 2**64, 10**30, 1.5, -0.0, 1e-300, 1e300, 1e18,
    "0", "", "nan", "inf", "-inf", "1e5", "1e-12", "0x10", "1_000", " 1", "١", None, True,
    [], {}, "9" * 400,
)  # fmt: skip
ODD_TEXTS: tuple[Any, ...] = ("", "ETHUSDT", "ETH-PERP", "btcusdt", "\u0000", "\U0001f600", 5, None)
ODD_FRAMES: tuple[str | bytes, ...] = (
    "", " ", "null", "[]", "{}", "0", '"', "pong", "ping", "[" * 5000, '{"a":' * 5000,
    "[" * 3000 + "]" * 3000, '{"data":' * 3000 + "1" + "}" * 3000, b"\xff\xfe", b"\x00" * 50,
    '{"topic":"update:","data":null}', '{"stream":"","data":{}}', '{"e":"depthUpdate"}',
    '{"lastUpdateId":5}', '{"errors":[{}]}', '{"event":"subscribe","channel":[]}',
    '{"event":"unsubscribe"}', '{"code":-1003,"msg":"Too many requests"}',
)  # fmt: skip


class Good:
    """Frames as a venue sends them. Bids lie below the middle, asks above it.

    Attributes
    ----------
    streams : bool
        Whether the venue sends events without a request for a book.
    about : str
        Name of the answer about the instrument, if a recording cannot be read without it.
    rest_book : str
        Part of the URL of the REST book.
    newest : list of (prices, sizes)
        Bids and asks of the newest snapshot, best first.
    """

    symbol: str
    other: str
    tick: float
    unit: float
    middle: int
    rest_book: str
    streams = False
    about = ""
    sequence: tuple[str, ...]
    times: tuple[str, ...]
    sides: tuple[str, str]

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.id = 1_000_000
        self.newest: list[tuple[np.ndarray, np.ndarray]] = []

    def price(self, ticks: int) -> str:
        raise NotImplementedError

    def size(self) -> str:
        return str(self.dice.randint(1, 5000))

    def changes(self) -> list[list[list[str]]]:
        """Return changed levels of both sides that do not cross."""
        dice = self.dice
        return [
            [
                [self.price(self.middle + sign * dice.randint(0, LEVELS) + (sign > 0)),
                 "0" if dice.random() < 0.2 else self.size()]
                for _ in range(dice.randint(1, 3))
            ]
            for sign in (-1, +1)
        ]  # fmt: skip

    def levels(self) -> list[list[list[str]]]:
        sides = [
            [[self.price(self.middle + sign * away + (sign > 0)), self.size()]
             for away in range(LEVELS)]
            for sign in (-1, +1)
        ]  # fmt: skip
        self.newest = [
            (np.array([float(price) for price, _ in side]),
             np.array([float(size) * self.unit for _, size in side]))
            for side in sides
        ]  # fmt: skip
        return sides

    def event(self, now: int) -> dict:
        raise NotImplementedError

    def snapshot(self, now: int) -> dict:
        raise NotImplementedError

    def answer(self, url: str, now: int) -> str:
        raise NotImplementedError

    def recorded(self, now: int) -> str:
        """Return a snapshot as the text of a line of a recording."""
        return self.text(self.snapshot(now))

    def body(self, message: dict) -> dict:
        """Return the part of a message that has the levels."""
        return message.get("data", message)

    @staticmethod
    def text(message: Any) -> str:
        return json.dumps(message, separators=(",", ":"))


class GoodLmex(Good):
    symbol, other, tick, unit, middle = "BTC-PERP", "ETH-PERP", 0.5, 0.001, 120_000
    rest_book = "orderbook/L2"
    about = "summary"
    sequence, times, sides = ("seqNum", "prevSeqNum"), ("timestamp",), ("bids", "asks")

    def price(self, ticks: int) -> str:
        return f"{ticks * self.tick:.1f}"

    def _message(self, kind: str, sides: list, now: int) -> dict:
        self.id += kind == "delta"
        data = {
            "bids": sides[0], "asks": sides[1], "seqNum": self.id, "prevSeqNum": self.id - 1,
            "type": kind, "symbol": self.symbol, "timestamp": now // MS,
        }  # fmt: skip
        return {"topic": f"update:{self.symbol}_0", "data": data}

    def event(self, now: int) -> dict:
        return self._message("delta", self.changes(), now)

    def snapshot(self, now: int) -> dict:
        return self._message("snapshot", self.levels(), now)

    def answer(self, url: str, now: int) -> str:
        if self.rest_book in url:
            bids, asks = (
                [{"price": price, "size": size} for price, size in side] for side in self.levels()
            )
            return self.text({"buyQuote": bids, "sellQuote": asks, "timestamp": now // MS,
                              "symbol": self.symbol})  # fmt: skip
        return self.text([{"symbol": self.symbol, "base": "BTC", "quote": "USDT",
                           "contractSize": self.unit, "minPriceIncrement": self.tick}])  # fmt: skip


class GoodUsdm(Good):
    symbol, other, tick, unit, middle = "BTCUSDT", "ETHUSDT", 0.1, 1.0, 600_000
    rest_book = "/depth"
    streams = True
    sequence, times, sides = ("U", "u", "pu", "lastUpdateId"), ("T", "E"), ("b", "a")

    def price(self, ticks: int) -> str:
        return f"{ticks // 10}.{ticks % 10}"

    def event(self, now: int) -> dict:
        bids, asks = self.changes()
        last, self.id = self.id, self.id + self.dice.randint(1, 9)
        data = {
            "e": "depthUpdate", "E": now // MS + 2, "T": now // MS, "s": self.symbol,
            "U": last + 1, "u": self.id, "pu": last, "b": bids, "a": asks,
        }  # fmt: skip
        return {"stream": f"{self.symbol.lower()}@depth@100ms", "data": data}

    def snapshot(self, now: int) -> dict:
        bids, asks = self.levels()
        last = self.id + 1  # within the next event, so that no earlier event is applied
        return {"lastUpdateId": last, "E": now // MS + 2, "T": now // MS, "bids": bids,
                "asks": asks}  # fmt: skip

    def recorded(self, now: int) -> str:
        return "@answer " + self.text(["snapshot", 200, self.text(self.snapshot(now))])

    def answer(self, url: str, now: int) -> str:
        if self.rest_book in url:
            return self.text(self.snapshot(now))
        filters = [{"filterType": "PRICE_FILTER", "tickSize": "0.10"}]
        return self.text(
            {"symbols": [{"symbol": self.symbol, "quoteAsset": "USDT", "filters": filters}]}
        )


VENUES: dict[str, type[Good]] = {"lmex": GoodLmex, "binance-usdm": GoodUsdm}


class Mutator:
    """Mutates good frames."""

    def __init__(self, good: Good, dice: random.Random) -> None:
        self.good, self.dice = good, dice

    def frame(self, now: int) -> tuple[str, str | bytes, bool]:
        """Return the kind of mutation, the frame, and whether it is still JSON of the venue."""
        dice, good = self.dice, self.good
        draw = dice.random()
        if draw < 0.46:
            message = good.event(now)
            self._levels(good.body(message))
            return "levels, in sequence", good.text(message), True
        if draw < 0.75:
            whole = draw > 0.71
            message = good.snapshot(now) if whole else good.event(now)
            name = self._odd(message)
            return f"{'snapshot' if whole else 'event'}, {name}", good.text(message), True
        if draw < 0.78:
            return "odd frame", dice.choice(ODD_FRAMES), False
        return "bytes changed", self.bytes(good.text(good.event(now)).encode()), False

    def _levels(self, body: dict) -> None:
        """Change levels to values that a venue may send; rarely to odd ones."""
        dice, good = self.dice, self.good
        for side, sign in zip(good.sides, (-1, +1), strict=True):
            levels = body[side]
            for level in levels:
                draw = dice.random()
                if draw < 0.4:
                    level[1] = dice.choice(("0", "0.0", "7", "0.001", "12.5", "3e2", "1e-3"))
                elif draw < 0.8:
                    away = dice.choice((1, 60, 700, 5000, 50_000)) * dice.random()
                    level[0] = good.price(good.middle + sign * int(away) + (sign > 0))
                elif draw < 0.84:  # off the grid
                    away = dice.random() * 20 + 1
                    level[0] = repr(round((good.middle + sign * away) * good.tick,
                                          dice.randint(1, 12)))  # fmt: skip
                elif draw < 0.86:  # an extreme price
                    level[0] = dice.choice(("0.000001", "1e-8", "1", "1e17", "99999999999.9"))
                elif draw < 0.87:
                    level[1] = dice.choice(("1e17", "1e-30", "1e-46", "3.5e38", "123456789012"))
            if dice.random() < 0.1:
                levels.extend(levels[::-1] * dice.choice((1, 2, 50)))
            if dice.random() < 0.03:
                levels.clear()
        if dice.random() < 0.02:
            for side in good.sides:  # perhaps crossed
                body[side].append([good.price(good.middle + dice.randint(-9, 9)), "1"])

    def _odd(self, message: dict) -> str:
        """Change a sequence, a time, a name, a level, or the shape of a message."""
        dice, good = self.dice, self.good
        body = good.body(message)
        what = dice.choice(("sequence", "time", "name", "level", "shape"))
        match what:
            case "sequence":
                name = dice.choice([one for one in good.sequence if one in body])
                near = body[name] + dice.choice((-(10**6), -20, -1, 0, 1, 20, 10**6))
                body[name] = near if dice.random() < 0.6 else dice.choice(ODD_NUMBERS)
            case "time":
                name = dice.choice([one for one in good.times if one in body])
                leap = dice.choice((-86_400_000, -3_600_000, -5000, -1, 1, 5000, 3_600_000, 10**11))
                odd = dice.choice(ODD_NUMBERS)
                body[name] = body[name] + leap if dice.random() < 0.6 else odd
            case "name":
                part = dice.choice((message, body))
                name = dice.choice([key for key, one in part.items() if not isinstance(one, list)])
                part[name] = dice.choice(ODD_TEXTS)
            case "level":
                side = dice.choice([key for key, one in body.items() if isinstance(one, list)])
                levels = body[side] or [["1", "1"]]
                level = dice.choice(levels)
                odd = dice.choice(ODD_NUMBERS)
                level[dice.randrange(2)] = odd
                if dice.random() < 0.2:
                    levels.append(dice.choice((odd, [], [odd], [1, 2, 3], {"price": 1})))
                body[side] = levels
            case "shape":
                part = dice.choice((message, body))
                name = dice.choice(sorted(part))
                if dice.random() < 0.5:
                    del part[name]
                else:
                    part[name] = dice.choice((None, [], {}, 0, "x", [[]], part[name]))
        return what

    def bytes(self, frame: bytes) -> bytes:
        """Return a frame with bytes changed, removed, inserted or repeated."""
        dice, data = self.dice, bytearray(frame)
        for _ in range(dice.choice((1, 1, 2, 5))):
            at = dice.randrange(len(data) + 1)
            match dice.randrange(5):
                case 0 if at < len(data):
                    data[at] = dice.choice((dice.randrange(256), *b'0123456789.-"[]{},:eE'))
                case 1:
                    del data[at : at + dice.choice((1, 1, 3, 40))]
                case 2:
                    data[at:at] = bytes(dice.choice(b'0123456789.-"[]{},:\\\n') for _ in range(3))
                case 3:
                    del data[at:]
                case _:
                    data[at:at] = data[at : at + dice.choice((1, 5, 60))]
        return bytes(data)

    def answer(self, message: Any) -> str:
        """Return a mutated HTTP answer."""
        if self.dice.random() < 0.3:
            return self.bytes(self.good.text(message).encode()).decode("utf-8", "replace")
        if isinstance(message, list):
            self.answer(message[0])  # changes it
            return self.good.text(message)
        names = sorted(message)
        for _ in range(self.dice.choice((1, 2))):
            name = self.dice.choice(names)
            if isinstance(message.get(name), list) and self.dice.random() < 0.7 and message[name]:
                level = self.dice.choice(message[name])
                key = self.dice.choice(sorted(level)) if isinstance(level, dict) else 0
                level[key] = self.dice.choice(ODD_NUMBERS)
            else:
                message[name] = self.dice.choice(ODD_NUMBERS + ODD_TEXTS)
        return self.good.text(message)

    def line(self, line: bytes, now: int) -> bytes:
        """Return a mutated line of a recording."""
        draw = self.dice.random()
        if draw < 0.5:
            return f"{now} ".encode() + _bytes(self.frame(now)[1])
        if draw < 0.8:
            return self.bytes(line)
        return self.dice.choice((
            b"", b" ", b"@", f"{now} @answer []".encode(), f"{now} @close 5".encode(),
            f"{now} @answer [\"snapshot\",200,\"{{}}\"]".encode(), f"-{now} {{}}".encode(),
            f"{10**30} {{}}".encode(), b"\xef\xbb\xbf" + line, line + b"\r",
        ))  # fmt: skip


def _bytes(frame: str | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else frame.encode("utf-8", "replace")
