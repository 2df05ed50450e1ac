"""The tables of ``docs/venues.md``, made from the code: ``python -m tests.make_venue_tables``.

What a venue is comes from its class, and what it sends from the made-up market that its test file
speaks (see `make_captures`).
"""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "venues.md"

CONTEXT = {
    "price": "mark", "index": "index", "funding_rate": "funding", "open_interest": "open interest",
    "long_short_ratio": "long/short ratio",
}  # fmt: skip
"""What of a `Mark` is called how."""


def tables() -> dict[str, str]:
    """Return the tables by the name of the place that they stand at."""
    from obi_widgets.market_data.venues import VENUES

    book = ("venue", "BTC is", "levels", "what comes", "how often", "loss noticed by", "sizes")
    shown = [venue for venue in VENUES.values() if not venue.warms_up]
    return {
        "book": _table(book, [_book(venue) for venue in shown]),
        "beside": _table(
            ("venue", "trades", "numbers", "fees: maker, taker"), [_beside(v) for v in shown]
        ),
        "addresses": _table(
            ("venue", "websockets", "HTTP", "test network"), [_addresses(venue) for venue in shown]
        ),
        "budgets": _table(
            (
                "venue", "new connections", "at once", "messages sent", "weight of HTTP requests",
                "a connection lasts",
            ),
            [_budget(venue) for venue in shown],
        ),
    }  # fmt: skip


def page(text: str) -> str:
    """Return the page with the tables of now."""
    for name, table in tables().items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        assert place.search(text), f"there is no place for {name}"
        text = place.sub(lambda found, table=table: f"{found[1]}{table}{found[2]}", text)
    return text


def _table(head, rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _book(venue) -> tuple[str, ...]:
    from obi_widgets.market_data.events import Delta, Snapshot
    from obi_widgets.market_data.venues.symbols import CONTRACTS

    symbols = [venue.spell("BTC", quote, one) for one in CONTRACTS for quote in ("", "USD", "USDT")]
    spelt = ", ".join(f"`{one}`" for one in dict.fromkeys(symbols) if one)
    (limit,) = {event.limit for event in _events(venue) if isinstance(event, Snapshot)}
    assert limit == venue.levels
    if any(isinstance(event, Delta) for event in _events(venue)):
        comes = f"changes of the best {venue.window}" if venue.window else "every change"
    else:
        comes = "the whole book"
    levels = "all" if venue.levels >= 100_000 else f"{venue.levels:,}"
    return (
        _name(venue), spelt, levels, comes, venue.cadence, venue.noticed_by, venue.size_unit,
    )  # fmt: skip


def _beside(venue) -> tuple[str, ...]:
    from obi_widgets.market_data.events import Liquidation, Mark, Trade

    events = _events(venue)
    marks = [event for event in events if isinstance(event, Mark)]
    told = [
        word
        for field, word in CONTEXT.items()
        if any(not math.isnan(getattr(mark, field)) for mark in marks)
    ]
    if any(isinstance(event, Liquidation) for event in events):
        told.append("liquidations")
    trades = "yes" if any(isinstance(event, Trade) for event in events) else "no"
    fees = "not known"
    if venue.fees is not None:
        one = venue.fees
        fees = f"{one.maker_bps:g}, {one.taker_bps:g} ({one.product}, {one.as_of})"
    return _name(venue), trades, ", ".join(told) or "none", fees


def _addresses(venue) -> tuple[str, ...]:
    urls = dict(venue.endpoints)
    rest = urls.pop("rest")
    test = ", ".join(f"{name}: `{url}`" for name, url in venue.testnet.items())
    own = ", ".join(f"{name}: `{url}`" for name, url in urls.items())
    return _name(venue), own, f"`{rest}`", test or "none known"


def _budget(venue) -> tuple[str, ...]:
    from obi_widgets.market_data.venues.replies import FOREVER, SECOND

    budget = venue.budget
    messages = str(budget.messages)
    if budget.messages.most:
        whose = "of all connections" if budget.messages_by == "address" else "of each connection"
        messages = f"{messages} {whose}"
    return (
        _name(venue),
        str(budget.connects),
        f"{budget.websockets:,}" if budget.websockets else "none known",
        messages,
        str(budget.requests),
        "as it may" if venue.lasts == FOREVER else f"{venue.lasts / SECOND / 3600:g} h",
    )


def _name(venue) -> str:
    return f"{venue.label}, `{venue.name}`"


def _events(venue) -> list:
    """Return what a venue says of the market that its test file speaks."""
    from make_captures import spoken

    symbol, records, _ = spoken(venue.name)
    decoder = venue(symbol)
    events = decoder.start(records[0].time)
    for record in records:
        match record.kind:
            case "frame":
                events += decoder.received(record.text, record.time, record.name)
            case "answer":
                events += decoder.fetched(record.name, record.status, record.text, record.time)
            case "open":
                events += decoder.connected(record.name, record.time)
    return events


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))  # as pytest does
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
