"""Messages of frames: decoded they are the frame again, and they are small when little changed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from frame_decoder import FrameDecoder, MissedFrameError
from hypothesis import given, settings
from hypothesis import strategies as st

from obi_widgets.presentation.frames.frame_message import TYPES, FrameEncoder

NAN = float("nan")


def same(one, other):
    """Whether two values are the same, NaN equal to NaN."""
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return (
            isinstance(other, np.ndarray)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tobytes() == other.tobytes()
        )
    return type(one) is type(other) and one == other


def size(message):
    header, buffers = message
    return len(json.dumps(header)) + sum(map(len, buffers))


NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.5, NAN])
TEXTS = st.sampled_from(["", "live", "stale", "é"])
JSON = st.one_of(
    TEXTS,
    st.none(),
    st.integers(-3, 3),
    st.lists(st.integers(0, 3), max_size=3),
    st.dictionaries(st.sampled_from("abc"), TEXTS, max_size=3),
)


@st.composite
def arrays(draw, dimensions=(1, 2)):
    rows, kind = draw(st.integers(0, 30)), draw(st.sampled_from(["float32", "int32", "uint8"]))
    shape = (rows,) if draw(st.sampled_from(dimensions)) == 1 else (rows, draw(st.integers(0, 3)))
    random = np.random.default_rng(draw(st.integers(0, 5)))
    values = random.integers(0, draw(st.sampled_from([2, 200])), shape).astype(kind)
    if kind == "float32" and values.size:
        values.flat[draw(st.integers(0, values.size - 1))] = NAN
    return values


@st.composite
def moved(draw, array):
    """An array that follows another: fewer rows in front, more behind, or a change inside."""
    drop = draw(st.integers(0, len(array)))
    more = np.repeat(array[:1], draw(st.integers(0, 4)), axis=0) + array.dtype.type(1)
    after = np.concatenate([array[drop:], more])
    if after.size and draw(st.booleans()):
        after.flat[draw(st.integers(0, after.size - 1))] = 7
    return after


VALUE = st.one_of(JSON, arrays(), st.lists(arrays((1,)), max_size=3).map(tuple))
KEYS = st.sampled_from([("one", "x"), ("one", "y"), ("two", "x"), ("two", "state")])


@st.composite
def following(draw, before):
    frame = {}
    for key in draw(st.sets(KEYS, min_size=1)):
        old = before.get(key)
        if isinstance(old, np.ndarray) and draw(st.booleans()):
            frame[key] = draw(moved(old))
        elif isinstance(old, tuple) and draw(st.booleans()):
            frame[key] = tuple(draw(moved(line)) for line in old)
        elif key in before and draw(st.booleans()):
            frame[key] = old
        else:
            frame[key] = draw(VALUE)
    return frame


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_is_decoded_is_the_frame_whatever_was_before(data):
    encoder, decoder, late = FrameEncoder(), FrameDecoder(), FrameDecoder()
    frame = {}
    for _ in range(data.draw(st.integers(1, 6))):
        frame = data.draw(following(frame))
        message = encoder.encode(frame, whole=data.draw(st.integers(0, 4)) == 0)
        if message is not None:
            decoder.take(json.loads(json.dumps(message[0])), message[1])
        assert decoder.frame.keys() == frame.keys()
        assert all(same(decoder.frame[key], value) for key, value in frame.items())
        late.take(*encoder.whole())
        assert decoder.number == late.number == encoder.number
        assert all(same(late.frame[key], value) for key, value in frame.items())
    assert encoder.encode(dict(frame)) is None, "nothing has changed"


def test_a_lost_message_is_noticed_and_a_whole_frame_mends_it():
    encoder, decoder = FrameEncoder(), FrameDecoder()
    frames = [{("chart", "x"): np.arange(n, n + 50, dtype=np.int32)} for n in range(4)]
    decoder.take(*encoder.encode(frames[0]))
    encoder.encode(frames[1])
    with pytest.raises(MissedFrameError):
        decoder.take(*encoder.encode(frames[2]))
    with pytest.raises(MissedFrameError):
        decoder.take(*encoder.encode(frames[3]))
    decoder.take(*encoder.whole())
    np.testing.assert_array_equal(decoder.frame["chart", "x"], frames[3]["chart", "x"])


def test_a_whole_frame_disturbs_nobody_who_has_it():
    encoder, first, second = FrameEncoder(), FrameDecoder(), FrameDecoder()
    first.take(*encoder.encode({("a", "b"): 1, ("a", "c"): 2}))
    message = encoder.whole()
    for decoder in (first, second):
        decoder.take(*message)
    message = encoder.encode({("a", "b"): 1, ("a", "c"): 3})
    for decoder in (first, second):
        decoder.take(*message)
        assert decoder.frame == {("a", "b"): 1, ("a", "c"): 3}


@pytest.mark.parametrize("dtype", TYPES)
def test_a_line_that_moves_sends_its_new_points_only(dtype):
    random = np.random.default_rng(3)
    values = random.integers(0, 100, 2000).astype(dtype)
    encoder, decoder = FrameEncoder(), FrameDecoder()
    decoder.take(*encoder.encode({("line", "y"): values[:1200]}))
    for end in range(1203, 1300, 3):
        after = values[end - 1200 : end].copy()
        message = encoder.encode({("line", "y"): after})
        assert sum(map(len, message[1])) == 3 * values.itemsize
        assert size(message) < 120
        decoder.take(*message)
        assert same(decoder.frame["line", "y"], after)


def test_the_newest_point_may_still_move_and_nan_is_nan():
    line = np.full(600, NAN, np.float32)
    line[100:200] = 3.0
    encoder = FrameEncoder()
    encoder.encode({("line", "y"): line})
    assert encoder.encode({("line", "y"): line.copy()}) is None
    after = line.copy()
    after[-1] = 5.0
    header, (rows,) = encoder.encode({("line", "y"): after})
    assert header["arrays"] == [["0", [0, 599, "float32", [1]]]]
    assert rows == np.float32(5.0).tobytes()


def test_lines_that_share_a_time_axis_are_compared_each_by_itself():
    low, high = (np.arange(n, n + 100, dtype=np.float32) for n in (0, 500))
    encoder = FrameEncoder()
    encoder.encode({("range", "y"): (low, high)})
    header, (rows,) = encoder.encode({("range", "y"): (low.copy(), high[1:])})
    assert header["arrays"] == [["0", [None, [1, 99, "float32", [0]]]]]
    assert rows == b""


def test_rows_of_an_image_move_as_points_do():
    image = np.random.default_rng(2).integers(0, 256, (300, 40)).astype(np.uint8)
    encoder, decoder = FrameEncoder(), FrameDecoder()
    decoder.take(*encoder.encode({("map", "image"): image[:200]}))
    message = encoder.encode({("map", "image"): image[2:202]})
    assert sum(map(len, message[1])) == 2 * 40
    decoder.take(*message)
    assert same(decoder.frame["map", "image"], image[2:202])


@pytest.mark.parametrize(
    "after",
    [
        np.arange(100, dtype=np.float64),
        np.arange(100, dtype=np.float32).reshape(50, 2),
        np.arange(90, 190, dtype=np.float32),
    ],
)
def test_another_type_or_shape_or_too_little_in_common_is_sent_whole(after):
    encoder, decoder = FrameEncoder(), FrameDecoder()
    decoder.take(*encoder.encode({("line", "x"): np.arange(100, dtype=np.float32)}))
    message = encoder.encode({("line", "x"): after})
    assert sum(map(len, message[1])) == after.nbytes
    decoder.take(*message)
    assert same(decoder.frame["line", "x"], after)


def test_of_a_dict_only_what_changed_is_sent():
    encoder = FrameEncoder()
    state = {"mid": "1.00", "symbol": "BTC-PERP", "rows": list(range(100))}
    encoder.encode({("status", "state"): state})
    header, buffers = encoder.encode({("status", "state"): {**state, "mid": "1.01"}})
    assert header == {"frame": 2, "on": 1, "some": {"0": {"mid": "1.01"}}}
    assert buffers == []


def test_numbers_for_which_a_page_has_no_arrays_are_refused():
    encoder = FrameEncoder()
    with pytest.raises(TypeError, match="A page has no arrays of int64"):
        encoder.encode({("line", "x"): np.arange(3)})
    header, _ = encoder.encode({("line", "x"): np.arange(3, dtype=np.int32)})
    assert header["targets"] == {"0": ("line", "x")}, "the next frame is as any other"


def test_rows_of_several_values_may_be_none():
    encoder = FrameEncoder()
    for rows in (0, 2, 0, 3):
        message = encoder.encode({("a", "x"): np.arange(5.0 * rows).reshape(rows, 5)})
        assert message is not None
