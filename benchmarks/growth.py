"""What grows in two thousand frames with everything shown, and while the page is hidden.

Run from the repository's root: ``python -m benchmarks.growth``. It takes about four minutes. The
lab keeps five minutes and has them, so that what the kernel keeps has its size from the beginning.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.lab import JupyterLab, hidden, pile_up, shown
from benchmarks.page import ALL, BESIDE, PLAIN

CELL = (
    "import obi_widgets as obi\n"
    'lab = obi.Lab("sim:BTC-PERP", seed=3, warmup=400, history_seconds=300)\n'
    "lab.session.look_at(300)"
)


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as root,
        JupyterLab(Path(root)) as jupyter,
        shown(jupyter, CELL + BESIDE, 2900, height=2200) as nb,
    ):
        nb.execute(PLAIN + ALL)
        nb.page.wait_for_timeout(3000)
        pile_up(nb)
        hidden(nb)


if __name__ == "__main__":
    main()
