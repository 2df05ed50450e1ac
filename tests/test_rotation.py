"""When a recording goes on in a new file."""

from __future__ import annotations

import pytest
from exchange_tools import SECOND

from obi_widgets.errors import SettingsError
from obi_widgets.feeds.days.rotation import Rotation, rotation

HOUR = 3600 * SECOND
NOON = 19_000 * 24 * HOUR + 12 * HOUR


@pytest.mark.parametrize(
    ("rotate", "period"),
    [
        (3600, HOUR), ("1h", HOUR), ("60min", HOUR), ("60 m", HOUR), ("3600s", HOUR),
        ("1d", 24 * HOUR), ("0.5H", HOUR // 2), (5, 5 * SECOND), (7.5, 7_500_000_000),
    ],
)  # fmt: skip
def test_a_time_is_seconds_or_text(rotate, period):
    assert rotation(rotate, None).period == period


@pytest.mark.parametrize(
    ("size", "many"),
    [(100_000, 100_000), ("100MB", 10**8), ("0.5 gb", 5 * 10**8), ("100kB", 10**5)],
)
def test_a_size_is_bytes_or_text(size, many):
    assert rotation("1h", size).size == many


@pytest.mark.parametrize(
    ("rotate", "size", "text"),
    [
        (1, None, "rotate = 1 is not possible. Give 5 to 86,400 seconds."),
        ("2d", None, "rotate = 172800.0 is not possible. Give 5 to 86,400 seconds."),
        (None, None, "rotate = None is not possible. Give 5 to 86,400 seconds."),
        (True, None, "rotate = True is not possible. Give 5 to 86,400 seconds."),
        (
            "hourly",
            None,
            "rotate = 'hourly' is not possible. Give seconds, or a time such as '15min', '1h' or "
            "'1d'.",
        ),
        ("1h", 5, "max_size = 5 is not possible. Give 100,000 to 1,000,000,000,000 bytes."),
        ("1h", "5 m", "max_size = '5 m' is not possible. Give bytes, or a size such as '100MB'."),
    ],
)
def test_others_are_refused(rotate, size, text):
    with pytest.raises(SettingsError) as error:
        rotation(rotate, size)
    assert str(error.value) == text


def test_files_begin_at_multiples_of_the_time():
    hourly = Rotation(HOUR)
    begun = NOON + HOUR // 3
    assert not hourly.due(begun, NOON + HOUR - 1, 0)
    assert hourly.due(begun, NOON + HOUR, 0)
    assert not hourly.due(NOON, NOON + HOUR - 1, 10**15)
    assert hourly.due(begun, begun - 5 * HOUR, 0), "a clock that was set back"
    assert not hourly.due(begun, begun - HOUR // 4, 0), "the hour that it began in comes again"


def test_a_file_that_is_large_enough_is_followed():
    assert Rotation(HOUR, 1000).due(NOON, NOON + 1, 1000)
    assert not Rotation(HOUR, 1000).due(NOON, NOON + 1, 999)
