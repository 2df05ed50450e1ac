"""What is kept from frame to frame shows the same as what is made again for each frame."""

from __future__ import annotations

import random

import numpy as np
import pytest
from frame_decoder import FrameDecoder

import obi_widgets as obi
from obi_widgets.calibration.result import GatesResult
from obi_widgets.kernels import loader
from obi_widgets.presentation.frames.frame_message import FrameEncoder
from obi_widgets.presentation.frames.kept import Kept
from obi_widgets.presentation.reading.cursor import Cursor, PointedEntry
from obi_widgets.presentation.reading.reading import Reader
from obi_widgets.widgets.page import apart, values_of

STEPS = 60
"""Frames of a sequence."""


@pytest.fixture(scope="module")
def history():
    return obi.simulate(seconds=400, seed=7)


@pytest.fixture
def labs(history, monkeypatch):
    both = [obi.Lab(history), obi.Lab(history)]
    for lab in both:
        lab._listing = True
        # Messages a second are counted by the clock, which differs from lab to lab.
        rate = lab.session.publisher._rate
        monkeypatch.setattr(rate, "follow", lambda _: None)
        rate.now = np.nan
    yield both
    for lab in both:
        lab.close()


def forget(lab):
    """Drop what frames keep only to save time. What keeps scales and choices steady stays."""
    maker = lab.session.publisher._maker
    for columns in (
        maker._price,
        *(
            columns
            for lines in (maker._signal, *maker._stacked.values())
            for columns in (lines._extent, lines._mean, lines._bounds)
        ),
    ):
        columns.forget()
    maker._reader, maker._entry = Reader(), None
    maker._layers._bubbles._bubbles = None
    lab.entries._made = None


def shown(lab, history):
    """Return the changes of a frame."""
    session = lab.session
    return list(lab._changes(session.publisher.frame(history, session.settings.parameters)))


def plain(values):
    """Return values without the ids of their widgets, which differ from lab to lab."""
    return [(name, value) for (_, name), value in values.items()]


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and (
            one.tobytes() == other.tobytes()
        )  # fmt: skip
    if isinstance(one, tuple) and any(isinstance(line, np.ndarray) for line in one):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def compiled_types():
    """Return the types of arguments for which each kernel of frames is compiled."""
    return {
        (kernels.numba, name): list(function.signatures)
        for kernels in loader.registered
        if kernels.numba.startswith("obi_widgets.presentation.")
        for name, function in vars(kernels.code).items()
        if hasattr(function, "signatures")
    }


def differing(one, other):
    """Return what of two values differs, for the message of a failure."""
    if isinstance(one, dict) and one.keys() == other.keys():
        return {name: (one[name], other[name]) for name in one if one[name] != other[name]}
    return one, other


class Events:
    """Random events, the same in both labs."""

    def __init__(self, seed, labs, history):
        self.random, self.labs, self.history = random.Random(seed), labs, history
        self.states = 1500

    def happen(self):
        """Let one thing happen."""
        chosen = self.random.choice([self.states_came] * 6 + [
            self.setting, self.window, self.pan, self.point, self.entry, self.draw, self.stack,
            self.select, self.compare, self.gates, self.counted, self.again,
        ])  # fmt: skip
        chosen()

    def again(self):
        """Let nothing happen: a frame is asked for."""

    def states_came(self):
        self.states += self.random.choice([1, 1, 1, 2, 7, 40])

    def setting(self):
        name, value = self.random.choice([
            ("decay", 0.2), ("decay", 0.8), ("depth", 5), ("depth", None), ("band_bps", 2.0),
            ("band_bps", None), ("threshold", 0.2), ("threshold", 0.6), ("threshold_is", "value"),
            ("threshold_is", "quantile"), ("hold_seconds", 5.0), ("fee_bps", 1.0),
        ])  # fmt: skip
        for lab in self.labs:
            if name == "threshold" and lab.settings.threshold_is == "quantile":
                setattr(lab.settings, name, 0.9 + value / 10)
            else:
                setattr(lab.settings, name, value)

    def window(self):
        seconds = self.random.choice([10.0, 30.0, 60.0, 300.0])
        for lab in self.labs:
            lab.session.look_at(seconds)

    def pan(self):
        share = self.random.choice([-1.0, -0.1, 0.3, 0.5])
        for lab in self.labs:
            lab.session.pan(share)

    def point(self):
        row = self.random.randrange(self.states)
        cursor = self.random.choice([
            None, Cursor(pinned=int(self.history.time[row])), Cursor(at=0.4, view="one"),
        ])  # fmt: skip
        for lab in self.labs:
            lab.session.cursor = cursor

    def entry(self):
        trades = self.labs[0].session.publisher._analysis.trades
        pointed = None
        if len(trades.decision_time) and self.random.random() < 0.7:
            time = int(self.random.choice(trades.decision_time.tolist()))
            pointed = PointedEntry(time, self.random.choice(["", "one"]))
        for lab in self.labs:
            lab.session.pointed = pointed

    def draw(self):
        name = self.random.choice(["heatmap", "weighted", "bubbles", "walls", "depth"])
        for lab in self.labs:
            before = lab.session.appearance
            lab.session.appearance = before._replace(**{name: not getattr(before, name)})

    def stack(self):
        for lab in self.labs:
            if lab.session.stacked:
                lab.remove_signal("queue_imbalance")
            else:
                lab.add_signal("queue_imbalance")

    def select(self):
        span = self.random.choice([None, self.history.time[[100, 900]].tolist()])
        for lab in self.labs:
            lab.session.select(*(span or ()))

    def compare(self):
        for lab in self.labs:
            session = lab.session
            session.compare_with(None if session.compared else session.settings)

    def gates(self):
        chosen = self.random.choice([None, ["spread"], {"spread": {"window": 30}, "hours": {}}])
        for lab in self.labs:
            lab.settings.gates = chosen

    def counted(self):
        """Let the report of gates come; the same for both, whenever its thread would be done."""
        settings, number = self.labs[0].settings.parameters, self.random.randrange
        row = {
            "entries_off": 90.0, "unknown": 0.2, "removed": float(number(90)), "removed_net": -1.0,
            "kept": 40.0, "selects": 1.0, "selects_low": -2.0, "selects_high": 4.0,
        }  # fmt: skip
        found = GatesResult(settings, dict.fromkeys(settings.gates, row), number(1, 9))
        for lab in self.labs:
            lab.session.gate_reporter.found = found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_frames_show_the_same_however_much_is_kept_between_them(history, labs, seed, monkeypatch):
    events, encoder, decoder = Events(seed, labs, history), FrameEncoder(), FrameDecoder()
    compiled = compiled_types()
    for _ in range(STEPS):
        events.happen()
        now = history[: events.states]
        kept, anew = labs
        changes = shown(kept, now)
        found = values_of(changes)
        with monkeypatch.context() as patch:
            patch.setattr(Kept, "of", lambda _, *__, make: make())
            forget(anew)
            wanted = values_of(shown(anew, now))
        assert [name for name, _ in plain(found)] == [name for name, _ in plain(wanted)]
        for (name, one), (_, other) in zip(plain(found), plain(wanted), strict=True):
            assert same(one, other), (name, differing(one, other))
        single, together = apart(changes)
        if (message := encoder.encode(single, [one.values for one in together])) is not None:
            decoder.take(*message)
        assert decoder.frame.keys() == found.keys()
        for key, value in found.items():
            assert same(decoder.frame[key], value), key
    assert compiled_types() == compiled, "a frame had to wait for the compiler"
