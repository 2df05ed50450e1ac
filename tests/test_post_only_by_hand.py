"""Post-only orders on a tape of ten trades, each fill worked by hand."""

from __future__ import annotations

import pytest
from post_only_tools import GAP, tape

import obi_widgets as obi
from obi_widgets.errors import SettingsError

BUYER, SELLER = +1, -1

# Seconds; best bid and what stands there, best ask and what stands there. Imbalance:
# (q - r) / (q + r); beyond 0.5 it decides.
STATES = [
    (1.0, 100, 6, 101, 1),  # 5 / 7: decides long, posts at 100 behind six, until 2.0
    (1.2, 100, 5, 101, 5),  # 0
    (1.4, 100, 2, 101, 2),  # 0; back: no more than two can be ahead
    (1.6, 100, 1, 101, 1),  # 0
    (3.2, 102, 2, 103, 4),  # -2 / 6; front: its hold is over, it offers at 103, until 4.2
    (3.4, 102, 2, 103, 3),  # -1 / 5
    (3.6, 102, 2, 103, 3),  # -1 / 5; back: its hold is over, it offers at 103 behind three
    (3.8, 102, 2, 104, 2),  # 0; nobody else offers at 103
    (4.0, 102, 1, 104, 6),  # -5 / 7: decides short, posts at 104 behind six, until 5.0
    (4.2, 102, 1, 104, 1),  # 0; back: no more than one can be ahead
    (4.4, 102, 2, 104, 2),  # 0
    (5.0, 102, 2, 104, 2),  # 0; back: its wait is over
    (6.4, 103, 2, 105, 2),  # 0; front: its hold is over, it bids at 103, until 7.4
    (7.4, 104, 2, 106, 2),  # 0; front: its wait is over
]

# Seconds, price, size, side of the taker, and where it differs when it was received.
PRINTS = [
    (1.1, 100, 2, SELLER),  # front: nobody is ahead: filled. back: two of six: four are ahead
    (1.3, 101, 1, BUYER),  # back: at the other side's price: nothing
    (1.35, 100, 1, SELLER),  # back: three are ahead; of whom the next state says: at most two
    (1.5, 100, 2, SELLER),  # back: two of two: it is first now, and not filled
    (1.55, 100, 1, SELLER),  # back: more than was ahead: filled
    (3.3, 103, 1, BUYER),  # front: filled, out at 103
    (3.7, 103, 3, BUYER),  # back: three of three: not filled
    (3.9, 104, 1, BUYER),  # back: above its offer, past which nobody buys: filled, out at 103
    (3.95, 104, 9, BUYER, 4.1),  # both: was made before the order came to rest: nothing
    (4.3, 104, 1, BUYER),  # front: filled. back: one of one: not filled
]


def made(states=STATES, prints=PRINTS, **settings):
    given = {"depth": 1, "decay": 0, "threshold": 0.5, "hold_seconds": 2.0, "wait_seconds": 1.0}
    given |= {"execution": "post_only", "maker_fee_bps": 2.0, "fee_bps": 5.0} | settings
    queue = given.pop("queue", "back")
    return obi.entries(tape(states, prints), obi.Settings(**given), queue=queue)


def rows(frame):
    """Side, seconds and price of entry and of exit, fees, and the end of each order."""
    frame = frame.astype({"gross_bps": float})
    return [
        (
            one.side,
            one.entry_time.timestamp(),
            one.entry_price,
            None if one.exit_time is None or one.exit_time != one.exit_time
            else one.exit_time.timestamp(),
            one.exit_price,
            round(one.gross_bps - one.net_bps, 9),
            one.ended,
        )
        for one in frame.itertuples()
    ]  # fmt: skip


NAN = pytest.approx(float("nan"), nan_ok=True)


def test_last_in_the_queue():
    frame = made(queue="back")
    assert rows(frame) == [
        # Filled by the fifth trade, known at 1.6. Out by the eighth, known at 4.0. 2 + 2 bps.
        (+1, 1.6, 100, 4.0, 103, 4.0, "held"),
        # Of six ahead one was left; it was taken, and nobody after it. Cancelled at 5.0.
        (-1, 5.0, NAN, None, NAN, NAN, "unfilled"),
    ]
    assert frame["gross_bps"][0] == pytest.approx(300)
    assert frame["net_bps"][0] == pytest.approx(296)


def test_first_in_the_queue():
    frame = made(queue="front")
    assert rows(frame) == [
        # Filled by the first trade, known at 1.2. Out by the sixth, known at 3.4. 2 + 2 bps.
        (+1, 1.2, 100, 3.4, 103, 4.0, "held"),
        # Filled by the tenth trade, known at 4.4. Nobody sells at 103 from 6.4 to 7.4, so that a
        # taker's order buys at 106. 2 + 5 bps.
        (-1, 4.4, 104, 7.4, 106, 7.0, "held"),
    ]
    assert frame["gross_bps"].tolist() == pytest.approx([300, -1e4 * 2 / 104])


# -- one rule each -----------------------------------------------------------------------------

WHOLE = [(1.0, 100, 6, 101, 1), (1.2, 100, 6, 101, 6), (1.4, 100, 6, 101, 6)]
LATER = [(2.1, 100, 6, 101, 6), (9.0, 100, 6, 101, 6)]


def entry(prints, states=None, **settings):
    """When and at what price each bound enters, or why not."""
    found = {}
    for queue in ("back", "front"):
        frame = made(
            [*WHOLE, *LATER] if states is None else states, prints, queue=queue, **settings
        )
        one = rows(frame)[0]
        found[queue] = one[1:3] if one[6] in ("held", "open") else (one[6], one[1])
    return found["back"], found["front"]


def both(found):
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("prints", "wanted"),
    [
        ([(1.1, 99, 0.001, SELLER)], (1.2, 100)),  # below its limit
        ([(1.1, 99, 0.001, BUYER)], (1.2, 100)),  # who buys there passed our bid, too
        ([(1.1, 100, 0.001, BUYER)], (1.2, 100)),  # an offer stood at our bid
        ([(1.1, 101, 99, BUYER)], ("unfilled", 2.1)),
        ([(1.1, 101, 99, SELLER)], ("unfilled", 2.1)),  # somebody bid more
        ([(1.1, 100, 6.001, SELLER)], (1.2, 100)),  # six were ahead
        ([(1.0, 99, 9, SELLER, 1.1)], ("unfilled", 2.1)),  # made when it came to rest
        ([(1.999, 99, 9, SELLER)], (2.1, 100)),  # made before its wait was over, known later
        ([(2.0, 99, 9, SELLER)], ("unfilled", 2.1)),  # made when it was
    ],
)
def test_what_fills_wherever_it_stands(prints, wanted):
    prints = [*prints, (8.0, 101, 1, BUYER)]
    assert both(entry(prints)) == wanted


def test_what_fills_only_who_is_first():
    assert entry([(1.1, 100, 6, SELLER)]) == (("unfilled", 2.1), (1.2, 100))
    assert entry([(1.1, 100, 3, SELLER), (1.3, 100, 3.5, SELLER)]) == ((1.4, 100), (1.2, 100))


def test_its_own_size_has_to_be_traded_too():
    assert entry([(1.1, 100, 7, SELLER)], size=2) == (("unfilled", 2.1), (1.2, 100))
    assert entry([(1.1, 100, 8, SELLER)], size=2) == ((1.2, 100), (1.2, 100))
    assert entry([(1.1, 100, 1.999, SELLER)], size=2) == (("unfilled", 2.1), ("unfilled", 2.1))
    # Two pieces of its own make it whole.
    assert entry([(1.1, 100, 1, SELLER), (1.3, 100, 1, SELLER)], size=2)[1] == (1.4, 100)


def test_sizes_are_told_apart_in_decimals():
    # 0.1 + 0.2 + 0.4 is 0.7, and no more, however they are added.
    states = [(1.0, 100, 0.7, 101, 0.1), *[(at, 100, 0.7, 101, 0.7) for at in (1.2, 2.1, 9.0)]]
    prints = [(1.1, 100, 0.1, SELLER), (1.12, 100, 0.2, SELLER), (1.14, 100, 0.4, SELLER)]
    assert entry(prints, states)[0] == ("unfilled", 2.1)
    assert entry([*prints, (1.16, 100, 0.001, SELLER)], states)[0] == (1.2, 100)


def test_the_other_side_at_its_limit():
    # Nobody could offer at 100 while our bid stands there.
    states = [*WHOLE, (1.6, 99, 6, 100, 6), *LATER]
    assert both(entry([(8.0, 101, 1, BUYER)], states)) == (1.6, 100)
    late = [*WHOLE, (2.0, 99, 6, 100, 6), *LATER]
    assert both(entry([(8.0, 101, 1, BUYER)], late)) == ("unfilled", 2.0)


def test_what_a_better_price_hides():
    # Six are ahead. Behind 101 nobody knows how many came and went: still six. Then three.
    better = [WHOLE[0], (1.2, 101, 1, 102, 1), (1.4, 101, 1, 102, 1), (1.6, 100, 3, 102, 3), *LATER]
    assert entry([(1.3, 100, 6, SELLER)], better)[0] == ("unfilled", 2.1)
    assert entry([(1.3, 100, 2, SELLER), (1.7, 100, 3, SELLER)], better)[0] == ("unfilled", 2.1)
    assert entry([(1.3, 100, 2, SELLER), (1.7, 100, 3.5, SELLER)], better)[0] == (2.1, 100)


def test_a_level_that_is_gone_has_nobody_ahead():
    gone = [WHOLE[0], (1.2, 99, 6, 101, 6), (1.4, 100, 8, 101, 8), *LATER]
    assert entry([(1.3, 100, 0.5, SELLER)], gone)[0] == (1.4, 100)


def test_a_trade_that_the_state_before_has_seen_takes_nothing_off_again():
    # Four of six were taken before the state of 1.2, which tells of two, and are received later.
    seen = [WHOLE[0], (1.2, 100, 2, 101, 2), *WHOLE[2:], *LATER]
    assert entry([(1.1, 100, 4, SELLER, 1.3)], seen) == (("unfilled", 2.1), (1.4, 100))


# -- latency -----------------------------------------------------------------------------------


def test_an_order_rests_from_when_it_arrives():
    # Decided at 1.0, it meets the state of 1.4, where six stand; waits until 2.4.
    prints = [(1.1, 99, 9, SELLER), (1.3, 99, 9, SELLER), (2.3, 100, 6.5, SELLER)]
    states = [*WHOLE, (2.2, 100, 6, 101, 6), (2.5, 100, 6, 101, 6), *LATER[1:]]
    assert entry(prints, states, latency_ms=300) == ((2.5, 100), (2.5, 100))


def test_an_order_that_would_cross_is_refused():
    # At its arrival at 1.4 the ask stands at its limit.
    states = [*WHOLE[:2], (1.4, 99, 6, 100, 6), *LATER]
    assert both(entry([(1.5, 99, 9, SELLER)], states, latency_ms=300)) == ("unfilled", 1.4)


def test_who_arrives_behind_a_better_price_may_have_anybody_ahead():
    states = [WHOLE[0], (1.2, 101, 6, 102, 6), (1.4, 101, 6, 102, 6), *LATER]
    prints = [(1.3, 100, 1000, SELLER)]
    assert entry(prints, states, latency_ms=100) == (("unfilled", 9.0), (1.4, 100))


# -- leaving -----------------------------------------------------------------------------------

ENTER = [(1.1, 99, 9, SELLER)]
HELD = [*WHOLE[:2], (3.2, 102, 1, 103, 1)]  # in at 1.2; due at 3.2, offers at 103


def leaving(states, prints, **settings):
    frames = [rows(made([*HELD, *states], [*ENTER, *prints], queue=q, **settings)) for q in QUEUES]
    assert frames[0] == frames[1]
    assert len(frames[0]) == 1
    return frames[0][0][3:]


QUEUES = ("back", "front")


def test_nobody_takes_the_offer():
    assert leaving([(4.1, 102, 1, 103, 1), (4.2, 101, 1, 102, 1)], []) == (4.2, 101, 7.0, "held")


def test_a_taker_who_leaves_waits_for_both_sides_and_walks_the_levels():
    states = [(4.2, NAN_, NAN_, 104, 1), (4.3, 98, 1, 99, 1)]
    assert leaving(states, []) == (4.3, 98, 7.0, "held")
    assert leaving(states, [], size=3) == (4.3, 98, 7.0, "held")  # one level is kept


NAN_ = float("nan")


def test_an_offer_that_would_cross_is_left_to_a_taker():
    # Decided at 3.2, it arrives at 3.5: the bid stands at 103. A taker's order arrives at 3.8.
    states = [(3.5, 103, 1, 104, 1), (3.7, 103, 1, 104, 1), (3.8, 105, 1, 106, 1)]
    entered = [*WHOLE[:2], (1.3, 100, 6, 101, 6), WHOLE[2], (3.4, 102, 1, 103, 1)]
    frame = made(
        [*entered, *states[1:], (4.0, 105, 1, 106, 1)],
        [(1.35, 99, 9, SELLER)], latency_ms=300, hold_seconds=2.0,
    )  # fmt: skip
    # In at 1.4 (it rests from 1.3). Due at 3.4; its offer at 103 meets 3.7, a bid of 103: refused.
    # What a taker sends then meets 4.0, a bid of 105.
    assert rows(frame) == [(+1, 1.4, 100, 4.0, 105, 7.0, "held")]


# -- what is not known -------------------------------------------------------------------------


@pytest.mark.parametrize("queue", QUEUES)
def test_what_a_gap_does(queue):
    at = {"queue": queue}
    out = made([WHOLE[0], (1.1, *GAP), *WHOLE[1:]], [(1.15, 99, 9, SELLER)], **at)
    assert rows(out) == [(+1, 1.1, NAN, None, NAN, NAN, "gap")]
    held = made([*WHOLE[:2], (2.0, *GAP), *LATER], ENTER, **at)
    assert rows(held) == [(+1, 1.2, 100, None, NAN, NAN, "gap")]
    leaves = made([*HELD, (3.5, *GAP), LATER[1]], [*ENTER, (3.6, 104, 9, BUYER)], **at)
    assert rows(leaves) == [(+1, 1.2, 100, None, NAN, NAN, "gap")]


@pytest.mark.parametrize("queue", QUEUES)
def test_what_has_not_ended(queue):
    assert rows(made(WHOLE, [(0.5, 100, 1, SELLER)], queue=queue)) == []
    assert rows(made(WHOLE, ENTER, queue=queue)) == [(+1, 1.2, 100, None, NAN, NAN, "open")]
    assert rows(made(HELD, ENTER, queue=queue)) == [(+1, 1.2, 100, None, NAN, NAN, "open")]


def test_what_a_taker_pays_does_not_matter():
    wanted = made()
    for other in ({"price": "mid"}, {"slippage_bps": 0.0}):
        assert made(**other).equals(wanted)


def test_without_trades():
    with pytest.raises(SettingsError) as error:
        made(prints=[])
    assert str(error.value) == (
        "Post-only fills are computed from trades, and there has been none so far. "
        'Set execution="taker", or take a live source or recording with trades.'
    )
    books = obi.History.from_arrays(
        tape(STATES, []).time + 1_700_000_000 * 10**9, [[100.0]] * 14, [[6.0]] * 14,
        [[101.0]] * 14, [[1.0]] * 14,
    )  # fmt: skip
    with pytest.raises(SettingsError, match="the source has none"):
        obi.entries(books, obi.Settings(execution="post_only"))


def test_another_queue():
    with pytest.raises(SettingsError) as error:
        made(queue="middle")
    assert str(error.value) == "queue = 'middle' is not possible. Give one of back, front."
