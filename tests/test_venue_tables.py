"""The tables of docs/venues.md are what the venues' code says."""

from __future__ import annotations

from make_venue_tables import PAGE, page

from obi_widgets.market_data.venues import VENUES


def test_the_page_is_what_the_code_says():
    """Mend it by ``python -m tests.make_venue_tables``."""
    text = PAGE.read_text("utf-8")
    assert text == page(text)


def test_every_venue_stands_in_each_table():
    text = PAGE.read_text("utf-8")
    for venue in VENUES.values():
        lines = [line for line in text.splitlines() if f"`{venue.name}` |" in line]
        assert len(lines) == (0 if venue.warms_up else 4), venue.name
