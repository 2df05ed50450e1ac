"""Mutated frames, of which ``python -m benchmarks.fuzz`` hands in a million."""

import json
import random

import pytest

from benchmarks.fuzz import Fuzz
from benchmarks.mutations import VENUES, Mutator

FRAMES = 3_000


@pytest.mark.slow
@pytest.mark.parametrize("venue", ["binance-usdm", "lmex"])
def test_nothing_that_a_venue_sends_ends_the_feed(venue):
    fuzz = Fuzz(venue, seed=9)
    fuzz.run(FRAMES)
    assert not fuzz.wrong, fuzz.text(0)
    assert fuzz.counts["changed"] > 0.5 * FRAMES
    assert fuzz.counts["book"] > FRAMES / 3
    assert fuzz.counts["histories read"] > 0
    assert fuzz.counts["recordings loaded"] > 0


@pytest.mark.parametrize("venue", sorted(VENUES))
def test_what_is_counted_as_changed_is_json_that_differs_from_what_is_good(venue):
    good = VENUES[venue](random.Random(1))
    mutator = Mutator(good, random.Random(2))
    seen = set()
    for _ in range(2_000):
        kind, frame, changed = mutator.frame(1_790_000_000 * 10**9)
        if changed:
            assert isinstance(json.loads(frame), dict)
        seen.add((kind, changed))
    assert len(seen) > 8
