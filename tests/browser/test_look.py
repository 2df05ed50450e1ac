"""Nothing is cut off, nothing overlaps, everything can be read: at three widths, in both themes."""

from __future__ import annotations

import pytest

from browser.looks import contrasts, cut_off, overlapping

SIZES = {1240: 860, 950: 1100, 650: 1850}  # of the output, and of a window that shows all of it


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_lab(screen, artefacts, dark):
    nb = screen.nb
    nb.theme(dark=dark)
    complaints = []
    for width, height in SIZES.items():
        nb.set_output_width(width, height)
        nb.page.wait_for_timeout(500)  # bqplot lays out 300 ms after a change
        screen.picture(artefacts / f"lab-{'dark' if dark else 'light'}-{width}.png")
        screen.unfold()
        complaints += [
            f"{width}: {one}" for one in [*cut_off(screen.root), *overlapping(screen.root)]
        ]
        screen.picture(artefacts / f"lab-{'dark' if dark else 'light'}-{width}-unfolded.png")
        screen.root.locator(".obi-opener").click()
    pale = {what: ratio for what, ratio in contrasts(screen.root).items() if ratio < 4.5}
    nb.set_output_width(1240)
    nb.theme(dark=False)
    assert not complaints, "\n".join(complaints)
    assert not pale, f"too pale: {pale}"
