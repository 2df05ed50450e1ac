"""Order flow between kept states: against plain Python, by hand, and however it is kept."""

import pickle
from dataclasses import replace

import flow_reference
import hypothesis.strategies as st
import numpy as np
import pytest
from history_tools import MS, NAN, SECOND, early, make, write, writer
from hypothesis import given, settings
from kernel_tools import BOTH, EITHER, use

import obi_widgets as obi
from obi_widgets.feeds.market import Market
from obi_widgets.history.flow import RANKS, Flow, smaller
from obi_widgets.history.levels import BLOCK
from obi_widgets.market_data.book import Book
from obi_widgets.market_data.events import Delta, Snapshot
from obi_widgets.market_data.venues import make_venue

# bid, bid size (q), ask, ask size (r); then by hand the order flow of the best prices, and whether
# it is an event. The flow is what the bid adds less what the ask does: + q where the bid is no
# lower than before, − q′ where it is no higher; − r where the ask is no higher than before, + r′
# where it is no lower.
EVENTS = [
    (100, 6, 101, 2, 0, 0),  # nothing is before it
    (100, 9, 101, 3, 3 - 1, 1),  # bid + 9 − 6 = 3, ask − 3 + 2 = −1
    (100, 1, 101, 3, -8, 1),  # bid + 1 − 9 = −8, ask − 3 + 3 = 0
    (99, 4, 101, 3, -1, 1),  # the bid falls: − 1, ask − 3 + 3 = 0
    (99, 4, 100, 5, -5, 1),  # bid + 4 − 4 = 0, the ask falls: − 5
    (99, 4, 102, 4, 5, 1),  # bid + 4 − 4 = 0, the ask rises: + 5
    (101, 2, 102, 1, 2 + 3, 1),  # the bid rises: + 2, ask − 1 + 4 = 3
    (NAN, NAN, NAN, NAN, 0, 0),  # the book is lost
    (104, 3, 105, 1, 0, 0),  # what came between is not known
    (106, 8, 107, 2, 8 + 1, 1),  # the bid rises: + 8, the ask rises: + 1
    (106, 8, NAN, NAN, 2, 1),  # the ask leaves: as if it rose beyond all prices
    (106, 8, 109, 7, -7, 1),  # and comes back
]


def by_hand():
    columns = np.array(EVENTS, float).T[:4]
    time = np.arange(1, len(EVENTS) + 1) * SECOND
    return early(time, *columns, tick_size=1.0, every_event=True)


def test_events_by_hand():
    flow = by_hand().flow
    assert flow.lot_size == 1.0
    assert flow.order_flow.dtype == np.int32
    assert flow.order_flow[:, 0].tolist() == [one[4] for one in EVENTS]
    assert not flow.order_flow[:, 1:].any()
    assert flow.events.dtype == np.int32
    assert flow.events.tolist() == [one[5] for one in EVENTS]


def test_ranks_by_hand():
    """A new best bid moves all others a rank down; each rank is compared with itself."""
    bids = [[100, 99, 98, NAN], [101, 100, 99, 98]]
    sizes = [[5, 6, 7, NAN], [2, 5, 6, 7]]
    asks, ask_sizes = [[105, NAN, NAN, NAN]] * 2, [[1, NAN, NAN, NAN]] * 2
    history = early([1, 2], bids, sizes, asks, ask_sizes, tick_size=1.0, every_event=True)
    # Every rank's price rises: + what stands there then; the fourth had none.
    assert history.flow.order_flow[1].tolist() == [2, 5, 6, 7, 0, 0, 0, 0, 0, 0]


# -- against plain Python ----------------------------------------------------------------------


@pytest.fixture(scope="module", params=["btcusdt", pytest.param("ethusdt", marks=pytest.mark.slow)])
def events(request, captures):
    paths = captures[request.param]
    return paths, *map(np.array, flow_reference.of_capture(paths))


@pytest.mark.parametrize("interval", [0, 0.1, 1, 5])
def test_columns_of_a_capture_are_the_sums_over_every_raw_event(events, interval):
    paths, received, time, flows = events
    history = obi.load(paths, interval=interval)
    assert history.flow.lot_size == 0.001
    assert history.gaps == 0
    # A state holds all that had come; those that waited for the snapshot came together.
    last = np.minimum(
        np.searchsorted(received, history.received, "right"),
        np.searchsorted(time, history.time, "right"),
    )
    if not interval:
        last = np.arange(len(time)) + 1
    np.testing.assert_array_equal(received[last - 1], history.received)
    np.testing.assert_array_equal(time[last - 1], history.time)
    total = np.concatenate([np.zeros((1, RANKS), np.int64), np.cumsum(flows, axis=0)])
    np.testing.assert_array_equal(
        history.flow.order_flow, np.diff(total[last], axis=0, prepend=total[:1])
    )
    counts = np.diff(last, prepend=1)  # the first begins the book
    np.testing.assert_array_equal(history.flow.events, counts)
    assert abs(history.flow.order_flow).max() > 1000


SIZES = [0.0, 0.0, 1.0, 2.0, 3.0, 0.5, 0.25, 0.001, 1000.0]
changes = st.lists(st.tuples(st.integers(1, 25), st.sampled_from(SIZES)), max_size=6)


@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.none(), *[st.tuples(changes, changes)] * 6), max_size=30),
    st.sampled_from([0, 0.1, 1]),
    st.integers(1, 12),
    EITHER,
)
def test_columns_of_any_stream_are_the_sums_over_every_event(stream, interval, levels, code):
    with pytest.MonkeyPatch.context() as patch:
        use(patch, code)
        into = writer(interval=interval, levels=levels)
        book, ladders, before = Book(), None, None
        wanted, rows = [], []
        for number, event in enumerate(stream):
            now = SECOND + 70 * MS * number
            if event is None:
                into.gap(now)
                book, ladders, before = Book(), None, None
                continue
            if ladders is None:
                ladders = flow_reference.Ladder(+1), flow_reference.Ladder(-1)
                book.replace([(49.0, 1.0)], [(50.0, 1.0)])
                for ladder, price in zip(ladders, (49.0, 50.0), strict=True):
                    ladder.put([(price, 1000)])
            else:
                sides = [
                    [(49.0 - n, size) for n, size in event[0]],
                    [(50.0 + n, size) for n, size in event[1]],
                ]
                book.apply(*sides)
                for ladder, side in zip(ladders, sides, strict=True):
                    ladder.put([(price, round(1000 * size)) for price, size in side])
            after = [ladder.best() for ladder in ladders]
            into.append(now, now, book)
            rows.append(now)
            flow = [0] * RANKS if before is None else flow_reference.order_flow(before, after)
            wanted.append([*flow, before is not None])
            before = after
        into.flush()
    history = into.history()
    kept = ~history.lost
    total = np.cumsum(np.array(wanted, np.int64).reshape(-1, RANKS + 1), axis=0)
    sums = np.diff(total[np.searchsorted(rows, history.time[kept])], axis=0, prepend=0)
    flow = history.flow
    factor = round(flow.lot_size / 0.001)
    np.testing.assert_array_equal(flow.order_flow[kept] * factor, sums[:, :RANKS])
    np.testing.assert_array_equal(flow.events[kept], sums[:, RANKS])
    assert not flow.order_flow[~kept].any()
    assert not flow.events[~kept].any()


# -- what is an event --------------------------------------------------------------------------


def lmex(interval=0.0):
    return Market(make_venue("lmex", "X"), interval=interval)


def side(sign, *sizes, best=100.0):
    return [(best + sign * (n + 1), size) for n, size in enumerate(sizes)]


def test_a_whole_book_that_follows_another_is_one_event():
    market = lmex()
    market.handle([Snapshot(1, 1, 1, side(-1, 1.0, 2.0), side(+1, 3.0), 50)], 1)
    market.handle([Snapshot(2, 2, 2, side(-1, 4.0), side(+1, 3.0, 5.0), 50)], 2)
    flow = market.history().flow
    assert flow.events.tolist() == [0, 1]
    assert flow.order_flow[1, :3].tolist() == [4 - 1, -2 - 5, 0]


def test_a_message_that_changes_nothing_is_one_event():
    market = lmex()
    market.handle([Snapshot(1, 1, 1, side(-1, 1.0), side(+1, 3.0), 50)], 1)
    market.handle([Delta(2, 2, 2, [], [])], 2)
    assert market.history().flow.events.tolist() == [0, 1]
    assert not market.history().flow.order_flow.any()


def test_more_that_is_known_is_no_event():
    into, book = writer(), Book()
    book.replace([(9.9, 1.0)], [(10.1, 1.0)], 1)
    into.append(1, 1, book)
    wider = Book()
    wider.replace([(9.9, 1.0), (9.8, 7.5)], [(10.1, 1.0), (10.2, 5.0)], 2)
    assert book.splice(wider)
    into.spliced(book)
    book.apply([(9.8, 8.0)], [])
    into.append(2, 2, book)
    flow = into.history().flow
    assert flow.lot_size == 0.1
    assert flow.order_flow[1].tolist() == [0, 5, 0, 0, 0, 0, 0, 0, 0, 0]


@BOTH
def test_an_event_whose_state_is_not_kept_counts_in_the_next(code, monkeypatch):
    use(monkeypatch, code)
    into, book = writer(interval=1), Book()
    book.replace([(9.9, 1.0)], [(10.1, 1.0)])
    into.append(SECOND, SECOND, book)
    for size in (2.5, 0.25):  # which need smaller lots
        book.apply([(9.9, size)], [])
        into.pass_over(book)
        assert len(into) == 1  # what waited is older than that
    book.apply([], [(10.1, 3.0)])
    into.append(2 * SECOND, 2 * SECOND, book)
    into.flush()
    flow = into.history().flow
    assert flow.lot_size == 0.01
    assert flow.order_flow[:, 0].tolist() == [0, -75 - 200]
    assert flow.events.tolist() == [0, 3]


def test_what_was_not_kept_before_a_gap_is_no_flow_of_the_book_after():
    into, book = writer(), Book()
    book.replace([(9.9, 1.0)], [(10.1, 1.0)])
    into.append(1, 1, book)
    book.apply([(9.9, 5.0)], [])
    into.pass_over(book)
    into.gap(3)
    into.append(4, 4, book)
    assert not into.history().flow.order_flow.any()
    assert into.history().flow.events.tolist() == [0, 0, 0]


# -- lots --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lot", "sizes", "found"),
    [
        (1.0, [3.0, 4000.0], (1.0, True)),
        (1.0, [3.0, 0.12], (0.01, True)),
        (1.0, [0.001 * n for n in range(1, 3000)], (0.001, True)),
        (1e-5, [123 * 1e-5, 7 * 1e-5], (1e-5, True)),  # contracts
        (0.01, [0.05, 0.125], (0.001, True)),
        (1.0, [1 / 3], (1e-9, False)),
        (1.0, [1e6, 1e6 / 3], (1e-4, False)),  # in a smaller one, sums might not fit
        (1.0, [1e30, 0.25, 0.5], (0.01, True)),  # one odd size does not spoil the others
        (1.0, [], (1.0, True)),
    ],
)
def test_a_lot_is_the_greatest_in_which_all_sizes_are_whole(lot, sizes, found):
    assert smaller(lot, np.array(sizes)) == found


def test_a_smaller_lot_changes_no_sum():
    into, book = writer(), Book()
    book.replace([(9.9, 4.0)], [(10.1, 1.0)])
    for number, size in enumerate((7.0, 2.0, 2.5, 2.515)):
        into.append(number, number, book)
        book.apply([(9.9, size)], [])
        if number == 2:
            before = into.history()
            hashed = before.sha256()
    into.append(4, 4, book)
    after = into.history()
    assert (before.flow.lot_size, after.flow.lot_size) == (1.0, 0.001)
    assert before.flow.order_flow[:, 0].tolist() == [0, 3, -5]  # it was handed out
    assert after.flow.order_flow[:, 0].tolist() == [0, 3000, -5000, 500, 15]
    earlier = after.flow.rows(slice(3))
    np.testing.assert_array_equal(
        before.flow.base_units(before.flow.order_flow), earlier.base_units(earlier.order_flow)
    )
    assert after[:3].sha256() == hashed


@BOTH
def test_sizes_on_no_grid_are_rounded_each_by_itself(code, monkeypatch):
    use(monkeypatch, code)
    into, book = writer(), Book()
    random = np.random.default_rng(5)
    sizes = random.uniform(0.1, 9.0, 400)
    book.replace([(9.9, sizes[0])], [(10.1, 1.0)])
    for number, size in enumerate(sizes):
        book.apply([(9.9, size)], [])
        into.append(number, number, book)
    flow = into.history().flow
    assert flow.lot_size == 1e-9
    assert flow.order_flow[:, 0].sum() == round(sizes[-1] * 1e9) - round(sizes[0] * 1e9)


@BOTH
@pytest.mark.parametrize("capacity", [None, BLOCK])
def test_sums_that_32_bits_do_not_hold_get_64(code, capacity, monkeypatch):
    use(monkeypatch, code)
    into, book = writer(capacity=capacity), Book()
    book.replace([(9.9, 1.0)], [(10.1, 1.0)])
    into.append(0, 0, book)
    book.apply([(9.9, 2.0**31)], [])
    into.append(1, 1, book)
    assert into.history().flow.order_flow.dtype == np.int32  # 2³¹ − 1
    book.apply([(9.9, 2.0**33)], [])
    into.append(2, 2, book)
    book.apply([(9.9, 0.5)], [])  # and a smaller lot
    into.append(3, 3, book)
    flow = into.history().flow
    assert flow.order_flow.dtype == np.int64
    wanted = [0, 2**31 - 1, 2**33 - 2**31, -(2**33)]
    assert flow.order_flow[:, 0].tolist() == [10 * n for n in wanted[:3]] + [10 * wanted[3] + 5]
    assert flow.events.tolist() == [0, 1, 1, 1]
    for number in range(4, 3 * BLOCK):
        into.append(number, number, book)
    later = into.history()
    assert later.flow.order_flow.dtype == np.int64
    if later.start == 0:
        same_flow(later.flow.rows(slice(4)), flow)


def test_the_simulator_has_flow_in_contracts():
    history = obi.simulate("sim:BTC-PERP", seconds=20, seed=5)
    assert history.flow.lot_size == history.instrument.contract_size
    assert history.flow.events[1:].min() >= 1
    assert history.flow.order_flow.any(axis=0).all()


# -- as a member of a history ------------------------------------------------------------------


def written(count, *, capacity=None, interval=0.0):
    random = np.random.default_rng(1)
    into, book = writer(capacity=capacity, interval=interval, levels=1), Book()
    book.replace([(9.9, 1.0)], [(10.1, 1.0)])
    for number, size in enumerate(random.integers(1, 50, count).tolist()):
        book.apply([(9.9, size / 4)], [(10.2, size / 2)])
        into.append(number * MS, number * MS, book)
    return into.history()


def same_flow(one, other):
    np.testing.assert_array_equal(one.order_flow, other.order_flow)
    np.testing.assert_array_equal(one.events, other.events)
    assert one.lot_size == other.lot_size


def test_dropping_states_drops_their_flow_and_no_other():
    bounded, whole = written(3 * BLOCK, capacity=BLOCK // 2), written(3 * BLOCK)
    assert bounded.start > 0
    same_flow(bounded.flow, whole.flow.rows(slice(bounded.start, None)))
    assert whole.flow.order_flow[:, 1].any()  # beyond the levels that are kept


def test_slices_copies_and_pickles_have_their_flow():
    history = written(300)
    part = history[100:200]
    same_flow(part.flow, history.flow.rows(slice(100, 200)))
    assert np.shares_memory(part.flow.order_flow, history.flow.order_flow)
    assert len(history[5:5].flow.events) == 0
    copied = pickle.loads(pickle.dumps(part))
    same_flow(copied.flow, part.flow)
    assert copied.sha256() == part.sha256() != replace(part, flow=None).sha256()
    for flow in (history.flow, copied.flow):
        with pytest.raises(ValueError, match="read-only"):
            flow.order_flow[0] = 1


def test_joined_histories_have_their_flow_in_the_smaller_lot():
    first = by_hand()
    columns = (np.array(EVENTS[:2], float).T[:4] * [[1], [0.5], [1], [0.5]]).tolist()
    second = early(np.array([50, 51]) * SECOND, *columns, tick_size=1.0, every_event=True)
    assert (first.flow.lot_size, second.flow.lot_size) == (1.0, 0.1)
    joined = obi.History.concat([first, second])
    assert joined.flow.lot_size == 0.1
    assert joined.flow.order_flow[:, 0].tolist() == [*(10 * one[4] for one in EVENTS), 0, 0, 10]
    assert joined.flow.events.tolist() == [*(one[5] for one in EVENTS), 0, 0, 1]
    assert obi.History.concat([first, replace(second, flow=None)]).flow is None


def test_a_frame_has_the_flow_when_it_is_asked_for():
    history = by_hand()
    assert not [name for name in history.to_frame() if "flow" in name]
    frame = replace(history, flow=replace(history.flow, lot_size=0.001)).to_frame(flow=True)
    names = [f"order_flow_{rank}" for rank in range(1, 11)]
    assert list(frame)[-12:] == [*names, "events", "received"]
    wanted = [NAN if np.isnan(one[0]) else one[4] / 1000 for one in EVENTS]
    np.testing.assert_array_equal(frame["order_flow_1"], wanted)
    assert frame["events"].tolist() == [one[5] for one in EVENTS]


def test_books_that_are_handed_in_have_no_flow_unless_each_event_has_a_row():
    history = make([(([100], [1.0]), ([101], [1.0]))] * 2)
    assert history.flow is None
    with pytest.raises(obi.ObiError) as error:
        history.to_frame(flow=True)
    assert str(error.value) == (
        "This history knows its states, and not what happened between them. Give what obi.load "
        "returns; or arrays with a row for each event, by "
        "obi.History.from_arrays(..., every_event=True)."
    )
    with pytest.raises(obi.ObiError) as error:
        early([1], [1.0], [1.0], [2.0], [1.0], interval=1, every_event=True)
    assert str(error.value) == (
        "interval = 1 means that not every event has a row. Leave every_event or the interval out."
    )


def test_states_one_by_one_have_the_flow_of_the_same_states_as_arrays():
    columns = np.array(EVENTS, float).T[:4]
    into = writer(tick_size=1.0, levels=1)
    for number, (bid, q, ask, r) in enumerate(columns.T):
        state = None if np.isnan(bid) else ((bid, q), (ask, r))
        sides = state and tuple(([], []) if np.isnan(p) else ([p], [s]) for p, s in state)
        write(into, sides, (number + 1) * SECOND, price_of=float)
    same_flow(into.history().flow, by_hand().flow)


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"events": np.zeros(2, np.int64)}, "flow.events is no array of int32 for each state."),
        (
            {"order_flow": np.zeros((12, 9), np.int64)},
            "flow.order_flow is no array of int32 or int64",
        ),
        ({"lot_size": 0.0}, "flow.lot_size = 0.0 is not possible."),
    ],
)
def test_flow_of_other_states_is_refused(wrong, text):
    history = by_hand()
    with pytest.raises(obi.ObiError) as error:
        replace(history, flow=replace(history.flow, **wrong))
    assert text in str(error.value)
    with pytest.raises(obi.ObiError, match="flow = 'much' is not possible"):
        replace(history, flow="much")


def test_a_flow_says_what_it_is():
    assert repr(by_hand().flow) == "<Flow of 12 states, in lots of 1>"
    assert isinstance(by_hand().flow, Flow)
