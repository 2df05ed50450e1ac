"""What is kept from frame to frame: made again for another input, and only then."""

from __future__ import annotations

import numpy as np

from obi_widgets.presentation.frames.kept import Kept


class Maker:
    """Makes a new list each time."""

    def __init__(self):
        self.made = 0

    def __call__(self):
        self.made += 1
        return [self.made]


def test_equal_numbers_and_texts_are_the_same():
    kept, make = Kept(), Maker()
    first = kept.of(1.5, "live", (1, ("a", None)), None, make=make)
    assert kept.of(float("1.5"), "".join(["li", "ve"]), (1, ("a", None)), None, make=make) is first
    assert make.made == 1


def test_another_number_text_or_tuple_is_another_value():
    kept, make = Kept(), Maker()
    for what in ((1, "a", (2,)), (2, "a", (2,)), (2, "b", (2,)), (2, "b", (3,)), (1, "a", (2,))):
        kept.of(*what, make=make)
    assert make.made == 5


def test_an_object_is_the_same_only_as_itself():
    kept, make = Kept(), Maker()
    one, equal = np.arange(3.0), np.arange(3.0)
    first = kept.of(one, make=make)
    assert kept.of(one, make=make) is first
    assert kept.of(equal, make=make) is not first
    assert make.made == 2


def test_a_number_and_an_object_are_not_the_same():
    kept, make = Kept(), Maker()
    for what in (None, 0, (), None):
        kept.of(what, make=make)
    assert make.made == 4


def test_a_value_that_could_not_be_made_is_made_the_next_time():
    kept, make = Kept(), Maker()

    def fail():
        raise ValueError

    kept.of(1, make=make)
    for _ in range(2):
        try:
            kept.of(2, make=fail)
        except ValueError:
            continue
        raise AssertionError("it did not fail")
    assert kept.of(2, make=make) == [2]
