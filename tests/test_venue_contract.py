"""What `Venue` promises, of every venue in the registry: a new one is tested by its line there.

How a venue says things stands in its own test file; see `make_captures`.
"""

from __future__ import annotations

import itertools
import json
import random

import pytest
from exchange_tools import levels_of, only
from make_captures import DATA, module_of, path_of, spoken, write

import obi_widgets as obi
from obi_widgets.errors import SymbolError
from obi_widgets.feeds.market import Market
from obi_widgets.feeds.recording import Record, Recording
from obi_widgets.market_data.events import (
    Delta,
    Instrument,
    Liquidation,
    Mark,
    Refused,
    Snapshot,
    Splice,
    Status,
    Trade,
)
from obi_widgets.market_data.fees import Fees
from obi_widgets.market_data.venues import VENUES, find_market, make_venue, market_of
from obi_widgets.market_data.venues.replies import BOOK, Connect, Fetch, Ping, Reconnect, Send
from obi_widgets.market_data.venues.symbols import CONTRACTS, QUOTES, parse
from obi_widgets.market_data.venues.wire import PAST_TRADE

SECOND = 1_000_000_000
REPLIES = Connect | Fetch | Ping | Reconnect | Send
MARKET_EVENTS = Snapshot | Delta | Splice | Trade | Mark

STRANGE = [
    "", " ", "hello", "{", "[]", "[[]]", "null", "1", "-1e999", '"text"', "{}", '{"a":1}',
    '{"topic":1,"data":2}', '{"e":[],"data":{}}', '{"channel":"status","data":[]}', "[" * 5000,
    '{"event":null}', b"\xff\xfe", b"\x00", '{"s":"\ud800"}', '{"n":' + "9" * 5000 + "}",
]  # fmt: skip
"""Frames of no venue: texts that are no JSON, and JSON of other kinds."""

each_venue = pytest.mark.parametrize("name", VENUES)


def tell(venue, record: Record, now: int | None = None) -> list:
    """Tell a venue of a record; return what comes of it."""
    now = record.time if now is None else now
    match record.kind:
        case "frame":
            return venue.received(record.text, now, record.name)
        case "answer":
            return venue.fetched(record.name, record.status, record.text, now)
        case "open":
            return venue.connected(record.name, now)
        case "close":
            return venue.disconnected(record.name, record.text, now)
        case "pong":
            return venue.ponged(record.name, now)
    raise AssertionError(record)


def new(name, symbol=0):
    return make_venue(name, module_of(name).SYMBOLS[symbol])


def play(name, **how):
    """Return a venue that has heard all of a made-up market, what came of it, and the records."""
    _, records, _ = spoken(name, **how)
    venue = new(name, how.get("symbol", 0))
    outputs = venue.start(records[0].time)
    for record in records:
        outputs += tell(venue, record)
    return venue, outputs, records


def is_lawful(outputs, *, has_book=False) -> bool:
    """Check that changes continue a book; return whether there is one at the end."""
    for output in outputs:
        match output:
            case Snapshot():
                has_book = True
            case Status():
                has_book = False
            case Delta() | Splice():
                assert has_book, f"{output} continues no book"
    return has_book


def check_book(market, truth) -> None:
    """Check that the book holds these sizes by price, and nothing else."""
    for sizes, true in zip(levels_of(market.book), truth, strict=True):
        assert sizes == pytest.approx(true)


def requests(outputs) -> list:
    return [output for output in outputs if isinstance(output, REPLIES)]


def frames_of_book(records) -> list[int]:
    """Return which records are frames of the book: those whose loss or damage loses changes."""
    return [n for n, record in enumerate(records) if record.kind == "frame" and record.name == BOOK]


# -- what it says of itself ----------------------------------------------------------------


@each_venue
def test_it_says_what_it_is(name):
    venue = VENUES[name]
    assert venue.name == name
    assert venue.label
    assert BOOK in venue.endpoints
    assert "rest" in venue.endpoints
    for which, url in venue.endpoints.items():
        # The simulated exchange is served where a port is free, and has no address before.
        scheme = "https://" if which == "rest" else "wss://"
        assert url.startswith(scheme) or (venue.warms_up and not url)
    assert 0 <= venue.window <= venue.levels
    assert venue.levels > 0
    assert venue.size_unit in ("coins", "contracts")
    assert venue.verified
    assert venue.cadence
    assert venue.noticed_by
    assert venue.streams <= {"trades", "mark"}
    if venue.fees is not None:
        assert isinstance(venue.fees, Fees)
        assert -5 <= venue.fees.maker_bps <= venue.fees.taker_bps <= 100
        assert obi.fees(name) == venue.fees
    assert new(name).urls == venue.endpoints


@each_venue
def test_it_finds_its_own_symbol_in_other_spellings(name):
    """As `Venue.spell` says; and it refuses what can be no symbol."""
    venue = VENUES[name]
    for symbol in module_of(name).SYMBOLS:
        named = parse(symbol)
        (contract, quote), *_ = [
            (contract, quote)
            for contract in named.contracts
            for quote in ([named.quote] if named.quote else ["", *QUOTES])
            if venue.spell(named.base, quote, contract) == symbol
        ]
        base, known = named.base, [one for one in QUOTES if not quote or one == quote]
        quote = next(one for one in known if venue.spell(base, one, contract) == symbol)
        settled = {"spot": "", "linear": f":{quote}", "inverse": f":{base}"}[contract]
        spellings = [symbol, symbol.lower(), f"{base}/{quote}{settled}"]
        if contract != "spot":
            spellings += [f"{base}-{quote}-SWAP", f"{base}{quote}_PERP".lower()]
        if contract != "spot" and venue.spell(base, "", contract) == symbol:
            spellings.append(f"{base}-PERP")
        if contract == next(one for one in CONTRACTS if venue.spell(base, quote, one)):
            pair = f"{base}/{quote}"
            spellings += [pair, pair.lower(), *(pair.replace("/", by) for by in ("-", "_", ""))]
        for spelling in spellings:
            assert find_market(name.upper(), spelling) == (name, symbol)
            assert make_venue(name, spelling).symbol == symbol
    for spelling in ("", " ", "A\tB C", "-", "\x00"):
        with pytest.raises(SymbolError) as error:
            venue.own_symbol(spelling)
        assert error.value.advice


@each_venue
def test_it_asks_no_other_addresses_than_its_own(name):
    endpoints = {which: f"wss://{which}.example" for which in VENUES[name].endpoints}
    endpoints["rest"] = "https://rest.example"
    symbol, records, _ = spoken(name)
    venue = make_venue(name, symbol, endpoints)
    now = records[0].time
    outputs = venue.start(now)
    for record in records:
        outputs += tell(venue, record)
    outputs += venue.ask_time(now + 60 * SECOND) + venue.resync("a test", now + 60 * SECOND)
    urls = [output.url for output in only(Connect, outputs) + only(Fetch, outputs)]
    assert urls
    assert all(url.startswith(tuple(endpoints.values())) for url in urls)
    sockets = {output.socket for output in only(Connect, outputs)}
    assert BOOK in sockets
    assert {output.socket for output in only(Send, outputs)} <= sockets


# -- the book ------------------------------------------------------------------------------


@each_venue
def test_a_market_is_decoded_to_its_true_book_in_coins(name):
    symbol, records, made = spoken(name)
    market = Market(make_venue(name, symbol))
    market.start(records[0].time)
    for record in records:
        record.apply(market)
    # The past of the simulated exchange is still being played.
    assert market.state == ("syncing" if market.warming else "live")
    check_book(market, made.truth(VENUES[name].levels))
    assert set(market.refused) <= {PAST_TRADE}
    assert market.failures == 0


@each_venue
def test_the_instrument_comes_first_and_what_comes_is_what_it_says(name):
    venue, outputs, records = play(name)
    facts = only(Instrument, outputs)
    assert facts
    assert (facts[-1].venue, facts[-1].symbol, facts[-1].label) == (name, venue.symbol, venue.label)
    assert facts[-1].contract_size > 0
    assert (facts[-1].contract_size != 1) <= (venue.size_unit == "contracts")
    assert outputs.index(facts[0]) < outputs.index(only(Snapshot, outputs)[0])
    assert {one.limit for one in only(Snapshot, outputs)} == {venue.levels}
    streams = {"trades": only(Trade, outputs), "mark": only(Mark, outputs)}
    assert {stream for stream, events in streams.items() if events} == venue.streams
    for event in only(Snapshot | Delta | Trade | Mark, outputs):
        assert records[0].time <= event.received <= records[-1].time
        assert 0 <= event.received - event.time < SECOND
    trades, began = only(Trade, outputs), only(Snapshot, outputs)[0].time
    assert {trade.side for trade in trades} <= {+1, -1}
    assert all(trade.time >= began for trade in trades)  # none of before the subscription


@each_venue
def test_no_change_comes_before_a_book(name):
    """Whatever is missing of what was heard: each record alone, and all up to each."""
    _, records, _ = spoken(name)
    for gone in range(len(records)):
        for kept in (records[:gone] + records[gone + 1 :], records[gone:]):
            venue = new(name)
            outputs = venue.start(records[0].time)
            for record in kept:
                outputs += tell(venue, record)
            is_lawful(outputs)


@each_venue
def test_a_frame_that_is_missing_is_noticed(name):
    """The book is thrown away, or it was none that changes the book."""
    _, outputs, records = play(name)
    truth = spoken(name)[2].truth(VENUES[name].levels)
    books, lost = frames_of_book(records), 0
    for gone in books[len(books) // 2 : -5 : 7]:  # nothing follows the last, by which it is missed
        market = Market(new(name))
        market.start(records[0].time)
        for record in records[:gone] + records[gone + 1 :]:
            record.apply(market)
        lost += not market.book.bids.count
        if market.book.bids.count:
            check_book(market, truth)
    assert lost or not only(Delta, outputs)  # one that sends whole books misses nothing


@each_venue
def test_a_lost_connection_takes_the_book_with_it_and_a_new_one_brings_another(name):
    venue, outputs, records = play(name)
    assert is_lawful(outputs)
    now = records[-1].time
    lost = venue.disconnected(BOOK, "it was closed", now)
    assert not is_lawful(lost, has_book=True)
    (status,) = only(Status, lost)
    assert status.state == "connecting"
    assert "it was closed" in status.detail
    is_lawful(venue.connected(BOOK, now) + [o for r in records[-5:] for o in tell(venue, r, now)])
    venue.disconnected(BOOK, "it was closed", now)
    later = now - records[0].time + 60 * SECOND
    again = []
    for record in records:
        again += tell(venue, record, record.time + later)
    assert is_lawful(again)
    assert len(only(Snapshot | Delta, again)) == len(only(Snapshot | Delta, outputs))


@each_venue
def test_a_resync_gives_the_book_up(name):
    venue, outputs, records = play(name)
    now = records[-1].time + SECOND
    given_up = venue.resync("it was crossed", now)
    assert is_lawful(outputs)
    assert not is_lawful(given_up, has_book=True)
    assert any("it was crossed" in status.detail for status in only(Status, given_up))
    venue.doubt()  # at any moment
    is_lawful(venue.received(records[-1].text, now, records[-1].name))


@each_venue
def test_a_recording_gives_the_events_that_were_live(name):
    _, outputs, records = play(name)
    venue = new(name)
    venue.can_ask = False
    played = venue.start(records[0].time)
    for record in records:
        played += tell(venue, record)
    events = Snapshot | Delta | Trade | Mark | Instrument
    assert only(events, played) == only(events, outputs)


# -- what is damaged, unknown, or of somebody else -----------------------------------------


@each_venue
def test_nothing_strange_raises_and_all_of_it_is_counted(name):
    sockets = {connect.socket for connect in only(Connect, play(name)[1])}
    for socket, frame in itertools.product(sorted(sockets), STRANGE):
        venue, _, records = play(name)
        outputs = venue.received(frame, records[-1].time, socket)
        assert not only(MARKET_EVENTS, outputs), frame
        assert only(Refused, outputs), frame
        assert all(len(refused.name) < 60 for refused in only(Refused, outputs))


@each_venue
def test_no_damage_raises_or_makes_an_unlawful_book(name):
    """Each record cut off, with a byte changed, twice, or answered with an error."""
    draw = random.Random(2)
    _, records, _ = spoken(name)
    for _ in range(150):
        venue = new(name)
        now = records[0].time
        outputs = venue.start(now)
        for record in records:
            now = max(now, record.time)
            fault = draw.random()
            text = record.text
            if fault < 0.02 and text:
                text = text[: draw.randrange(len(text))]
            elif fault < 0.04 and text:
                at = draw.randrange(len(text))
                text = text[:at] + chr(draw.randrange(32, 126)) + text[at + 1 :]
            elif fault < 0.05:
                outputs += tell(venue, record, now)
            elif fault < 0.06:
                outputs += venue.disconnected(BOOK, "lost", now) + venue.connected(BOOK, now)
            elif fault < 0.07:
                outputs += venue.resync("a test", now)
            status = draw.choice([0, 403, 418, 429, 500]) if draw.random() < 0.1 else record.status
            outputs += tell(venue, record._replace(text=text, status=status), now)
            outputs += venue.tick(now)
        is_lawful(outputs)


@each_venue
def test_another_symbol_is_refused(name):
    venue, _, records = play(name)
    _, others, _ = spoken(name, symbol=1)
    heard = 0
    for record in others:
        if record.kind == "frame":
            outputs = venue.received(record.text, records[-1].time, record.name)
            assert not only(MARKET_EVENTS, outputs), record
            heard += len(only(Refused, outputs))
    assert heard > len(others) / 2


@each_venue
def test_a_symbol_that_is_not_listed_ends_the_feed_with_an_advice(name):
    """The answer to what is asked first is that of another symbol."""
    _, others, _ = spoken(name, symbol=1)
    venue = new(name)
    venue.start(others[0].time)
    closed = [s for s in only(Status, tell(venue, others[0])) if s.state == "closed"]
    assert len(closed) == 1
    assert venue.symbol in closed[0].detail
    assert closed[0].advice


@each_venue
def test_the_capture_of_a_recorder_has_the_context_that_was_live(name):
    symbol, records, _ = spoken(name)
    market = Market(make_venue(name, symbol))
    market.start(records[0].time)
    for record in records:
        record.apply(market)
    if market.warming:
        return  # the simulated exchange
    market.end("", "")
    live, loaded = market.history().context, obi.load(path_of(name)).context
    assert loaded.to_frame().equals(live.to_frame())
    told = {event.size for event in only(Liquidation, play(name)[1])}
    assert (len(told) > 0) == (name in LIQUIDATES)
    assert len(loaded.liquidations()) >= len(told) - 1  # the last one may be after all states


LIQUIDATES = {"binance-usdm", "binance-coinm", "bybit", "bybit-inverse", "okx"}


@each_venue
def test_captures_are_recognised_as_its_own_and_by_no_other_protocol(name):
    symbol, records, _ = spoken(name)
    found = [market_of(r.text) for r in records if r.kind == "frame"]
    told = [one for one in found if one is not None]
    assert len(told) > len(frames_of_book(records)) / 2
    assert {one.symbol for one in told} == {symbol}
    assert all(name in one.venues for one in told)
    assert len({one.venues for one in told}) == 1
    for frame in STRANGE:
        assert market_of(frame) is None
    speakers = told[0].venues
    for other in VENUES:
        if other not in speakers:
            assert not any(VENUES[other].market_of(r.text) for r in records if r.kind == "frame")


# -- what it asks for ----------------------------------------------------------------------


@each_venue
def test_what_it_asks_for_is_bounded_whatever_comes(name):
    """Thousands of calls within a second lead to no more than a few requests."""
    venue, _, records = play(name)
    now = records[-1].time
    calls = itertools.cycle(
        [
            lambda: venue.resync("a test", now),
            lambda: venue.received('{"a":1}', now),
            lambda: venue.received("{", now),
            lambda: venue.refresh(now),
            lambda: venue.ask_time(now),
            lambda: venue.tick(now),
            lambda: venue.received(records[-1].text, now, records[-1].name),
        ]
    )
    asked = []
    for call in itertools.islice(calls, 2000):
        asked += requests(call())
    assert len(asked) <= 10, asked


@each_venue
def test_it_asks_ever_more_seldom_while_nothing_answers(name):
    """Ten minutes of an open websocket that says nothing, and of errors over HTTP."""
    _, records, _ = spoken(name)
    venue = new(name)
    began = records[0].time
    venue.start(began)
    for record in records:
        if record.kind == "open" or record is records[0]:
            tell(venue, record)
    waiting, count = [], 0
    for now in range(began, began + 600 * SECOND, SECOND // 4):
        outputs = venue.tick(now)
        for when, answer in [one for one in waiting if one[0] <= now]:
            waiting.remove((when, answer))
            outputs += venue.fetched(answer, 500, "<html>", now)
        for reconnect in only(Reconnect, outputs):
            outputs += venue.disconnected(reconnect.socket, reconnect.reason, now)
            outputs += venue.connected(reconnect.socket, now)
        waiting += [(now + one.delay, one.name) for one in only(Fetch, outputs)]
        count += len(requests(outputs))
        is_lawful(outputs)
    assert count < 600, "more than one request a second"


@each_venue
def test_an_error_over_http_is_told_and_asked_again_after_a_while(name):
    venue = new(name)
    (first,) = only(Fetch, venue.start(SECOND))
    for status in (0, 403, 418, 429, 500, 503):
        outputs = venue.fetched(first.name, status, "why", SECOND)
        (again,) = only(Fetch, outputs)
        assert again.url == first.url
        assert again.delay >= SECOND
        (said,) = only(Status, outputs)
        assert said.state == "connecting"
        assert said.detail
        assert said.advice


# -- captures ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(DATA.glob("*.txt")), ids=lambda path: path.stem)
def test_the_capture_in_the_repository_is_what_the_generator_makes(path, tmp_path):
    """Mend it by ``python -m tests.make_captures``."""
    write(path.stem, tmp_path / path.name)
    assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@each_venue
def test_a_capture_is_loaded_as_record_by_record(name, tmp_path):
    """Also where frames are read many at a time, by compiled code where there is some."""
    path = path_of(name)
    if not path.exists():
        path = tmp_path / f"{name}.txt"
        write(name, path)
    _, _, made = spoken(name)
    history = obi.load(path, interval=0)
    market = Market(Recording(path).make_venue(), interval=0)
    for record in Recording(path):
        market.tick(record.time)
        record.apply(market)
    market.end("", "")
    assert history.sha256() == market.history().sha256()
    assert len(history) > 50
    bids, asks = made.truth(VENUES[name].levels)
    assert history.bid[-1] == max(bids)
    assert history.ask[-1] == min(asks)
    signal = obi.imbalance(history, obi.Settings(decay=0, depth=1))
    best = bids[max(bids)], asks[min(asks)]
    assert signal[-1] == pytest.approx((best[0] - best[1]) / sum(best), abs=1e-6)
    assert json.loads(path.read_text().partition("\n")[0])["venue"] == name
