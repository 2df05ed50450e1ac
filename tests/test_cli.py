"""The command ``obi-widgets``."""

from __future__ import annotations

import pytest

import obi_widgets as obi
from obi_widgets.cli import lab, main


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main(["--version"])
    assert capsys.readouterr().out == f"obi-widgets {obi.__version__}\n"


def test_record_writes_a_recording_and_says_where(tmp_path, capsys):
    path = tmp_path / "market.gz"
    assert main.main(["record", "sim:SOL-PERP", str(path), "--seconds", "1"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert len(obi.load(path)) > 3


def test_a_link_is_opened_as_one():
    link = "obi:1?source=sim:BTC-PERP&a.signal=imbalance&a.decay=0.2&window=60"
    assert lab.cells_of(link)[1] == f"lab = obi.Lab.from_link({link!r})\nlab"
    assert lab.cells_of("sim:BTC-PERP")[1] == "lab = obi.Lab('sim:BTC-PERP')\nlab"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lab", "nowhere.gz"], "'nowhere.gz' is neither a venue's symbol nor a file."),
        (
            ["lab", "sim:DOGE"],
            "The simulator lists no symbol 'DOGE'. It lists BTC-PERP, ETH-PERP, SOL-PERP, ",
        ),
        (["lab", "obi:1?source=sim:DOGE&window=60&a.signal=imbalance"], "The simulator lists no"),
        (["lab", "obi:1?source=sim:BTC-PERP"], "The link cannot be read: window is missing."),
        (["record", "foo:BTC", "x.gz"], "'foo:BTC' is neither a venue's symbol nor a file."),
    ],
)
def test_a_wrong_source_is_one_line_and_exit_code_1(arguments, said, capsys):
    assert main.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"obi-widgets: {said}")
    assert error.count("\n") == 1


def test_a_notebook_of_somebody_else_is_never_overwritten(tmp_path):
    path = tmp_path / "obi-lab.ipynb"
    path.write_text("{}")
    assert lab._free_path(path) == tmp_path / "obi-lab-2.ipynb"
    lab._write(tmp_path / "obi-lab-2.ipynb", ["1"], [[]])
    assert lab._free_path(path) == tmp_path / "obi-lab-2.ipynb"  # made by the command itself
