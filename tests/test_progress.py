"""What a recorder of several markets says."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
from exchange_tools import SECOND

from obi_widgets.feeds.days import progress
from obi_widgets.feeds.days.progress import Progress, bytes_text, kept

T = 1_795_716_000 * SECOND


def recorder(market="lmex:BTC-PERP", **how):
    """Return what is told of a recorder."""
    facts = {
        "market": market,
        "state": "live",
        "detail": "",
        "messages": 1200,
        "gaps": 1,
        "size": 2_500_000,
        "files": [Path("a"), Path("b")],
        "first": T,
        "last": T + 3600 * SECOND,
        "had_book": True,
    }
    return SimpleNamespace(**facts | how)


class Screen(io.StringIO):
    """A terminal, or not."""

    def __init__(self, *, tty) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self):
        return self._tty


@pytest.fixture
def clock(monkeypatch):
    """Set the monotonic clock by hand."""
    now = SimpleNamespace(value=100.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.value)
    return now


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (99_400, "99.4 kB"), (100_000, "100 kB"),
        (999_600, "1.0 MB"), (12_340_000, "12.3 MB"), (3_456_000_000, "3.5 GB"),
    ],
)  # fmt: skip
def test_sizes_have_three_digits(size, text):
    assert bytes_text(size) == text


def test_elsewhere_a_line_comes_each_minute_and_when_a_state_changes(clock):
    one, other = recorder(state="connecting"), recorder("sim:ETH-PERP")
    out = Screen(tty=False)
    shown = Progress([one, other], out)
    shown.show()
    assert out.getvalue() == "", "nothing has changed"
    clock.value += 10
    one.state, one.messages = "live", 1800
    shown.show()
    (line,) = out.getvalue().splitlines()
    assert line[10:] == (
        "lmex:BTC-PERP  live  180 messages/s  1 gap  2.5 MB in 2 files  21.6 GB/day"
    )
    clock.value += 49
    shown.show()
    assert out.getvalue().count("\n") == 1
    clock.value += 1
    one.detail = "No room."
    shown.show()
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[1].endswith("/day  No room.")
    assert "\x1b" not in out.getvalue()
    clock.value += 60
    one.messages -= 100  # those of a file that was given up
    shown.show()
    assert "  0 messages/s  " in out.getvalue().splitlines()[3]


def test_a_terminal_has_a_line_for_each_market_in_its_place(clock):
    out = Screen(tty=True)
    shown = Progress([recorder(), recorder("sim:ETH-PERP")], out)
    for _ in range(3):
        shown.show()
        clock.value += 0.6
    pictures = out.getvalue().split("\x1b[2A")
    assert [picture.count("\n") for picture in pictures] == [2, 2]


def test_the_end_says_what_was_kept():
    several = [recorder(), recorder("sim:ETH-PERP", gaps=0, first=T - 60 * SECOND)]
    assert kept(Path("data"), several) == (
        "Kept 2,400 messages of 2 markets with 1 gap, from 2026-11-26 17:59:00 to "
        "2026-11-26 19:00:00 UTC, in 4 files of 5.0 MB: "
        "obi.load('data', market='lmex:BTC-PERP')."
    )
    assert kept(Path("data"), several[:1]).endswith("in 2 files of 2.5 MB: obi.load('data').")
    without = recorder(had_book=False)
    assert kept(Path("data"), [without]) == "No book came, so nothing in data can be loaded."
    assert "1 market " in kept(Path("data"), [without, recorder()])


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        UnicodeEncodeError("ascii", "\u2019", 0, 1, "ordinal not in range(128)"),
        ValueError("I/O operation on closed file"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_cannot_be_written_is_left_out(clock, error, tty):
    class Broken(Screen):
        def write(self, text):
            if self.broken:
                raise error
            return super().write(text)

    out, one = Broken(tty=tty), recorder(state="connecting")
    out.broken = True
    shown = Progress([one], out)
    one.state = "live"
    shown.show()
    shown.say("Kept.\n")
    out.broken = False
    clock.value += 60
    shown.show()
    assert "lmex:BTC-PERP  live" in out.getvalue()


def test_a_closed_output_is_no_terminal():
    out = io.StringIO()
    one = recorder(state="connecting")
    shown = Progress([one], out)
    out.close()
    one.state = "live"
    shown.show()
    assert out.closed
