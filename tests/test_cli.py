"""The command ``obi-widgets``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import obi_widgets as obi
from obi_widgets.cli import commands as folder
from obi_widgets.cli import lab, main
from obi_widgets.cli.options import REACHING, with_options
from obi_widgets.feeds.simulation import alone
from obi_widgets.market_data.venues.binance_spot import BinanceSpot

PATIENCE = 120  # seconds for a process on a busy machine; far more than it needs


@pytest.fixture(autouse=True)
def _no_keys_of_the_user(monkeypatch, tmp_path):
    # Signatures of notebooks are in one database of the user: another process may hold its lock.
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))


def python(code: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start a process whose SIGINT is ignored, as in the background or under `nohup`."""
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    return subprocess.Popen(
        [sys.executable, "-c", ignoring + code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment,
    )  # fmt: skip


def test_it_tells_its_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        main.main(["--version"])
    assert capsys.readouterr().out == f"obi-widgets {obi.__version__}\n"


def test_record_writes_a_recording_and_says_where(tmp_path, capsys):
    path = tmp_path / "market.gz"
    assert main.main(["record", "sim:SOL-PERP", str(path), "--seconds", "1"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert len(obi.load(path)) > 3


@pytest.mark.slow
def test_where_ctrl_c_is_ignored_sigterm_ends_it_and_what_was_recorded_is_kept(tmp_path):
    path = tmp_path / "market.gz"
    run = "import sys; from obi_widgets.cli.main import main; sys.exit(main())"
    process = python(run, "record", "sim:SOL-PERP", str(path), "--seconds", "600")
    try:
        until = time.monotonic() + PATIENCE
        while not (path.exists() and path.stat().st_size > 5_000):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said[1]
    assert len(obi.load(path)) > 3


@pytest.mark.parametrize("name", ["lab", "record", "watch", "serve", "paper"])
def test_each_command_that_reads_a_market_is_told_alike_how_to_reach_it(name):
    @with_options(*REACHING)
    def told(): ...

    wanted = {option.name: option.help for option in told.__click_params__}
    taken = {option.name: getattr(option, "help", "") for option in main.COMMANDS[name].params}
    assert wanted.items() <= taken.items()


def test_a_market_at_other_addresses_is_recorded(tmp_path, capsys):
    addresses, stop, path = {}, threading.Event(), tmp_path / "a.gz"
    run = threading.Thread(
        target=alone.serve, args=(["BTC-PERP"], addresses.update, stop), kwargs={"seed": 3}
    )
    run.start()
    try:
        until = time.monotonic() + PATIENCE
        while not addresses:
            assert time.monotonic() < until
            time.sleep(0.01)
        urls = [part for name, url in addresses.items() for part in ("--url", f"{name}={url}")]
        assert main.main(["record", "lmex:BTC-PERP", str(path), "--seconds", "1", *urls]) == 0
    finally:
        stop.set()
        run.join(PATIENCE)
    assert not run.is_alive()
    assert obi.load(path).instrument.venue == "lmex"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["record", "lmex:BTC-PERP", "x.gz", "--testnet"], "No test network of LMEX is known."),
        (["record", "sim:BTC-PERP", "x.gz", "--proxy", "http://h:1"], "is for a live market."),
        (["record", "lmex:BTC-PERP", "x.gz", "--seed", "1"], "is for the simulated exchange."),
        (["record", "bybit:BTCUSDT", "x.gz", "--proxy", "h"], "proxy = 'h' is no address."),
        (["lab", "capture.gz", "--testnet"], "'capture.gz' is neither a venue's symbol nor a file"),
        (["lab", "lmex:BTC-PERP", "--testnet"], "No test network of LMEX is known."),
        (["lab", "obi:1?source=sim:BTC-PERP", "--levels", "9"], "A link takes no levels."),
        (["serve", "lmex:BTC-PERP", "bybit:BTCUSDT", "--url", "book=wss://x.example"],
         "urls are of one venue, and there are several: bybit, lmex."),
        (["simulate", "BTC-PERP", "ETH-PERP", "BTC-PERP"], "BTC-PERP was given twice."),
        (["paper", ".", "--log", "x.jsonl"], "'.' is no file of settings."),
        (["paper", "x.toml", "--log", "x.jsonl", "--seconds", "nan"], "seconds = nan is not"),
        (["watch", "bybit:BTCUSDT", "--url", "tape=wss://x.example"],
         "Bybit has no address named 'tape'. It has 'book', 'rest'."),
    ],
)  # fmt: skip
def test_a_way_that_does_not_fit_is_one_line_and_exit_code_1(arguments, said, capsys):
    assert main.main(arguments) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_example_of_another_host_is_that_of_market_data_only(capsys):
    assert main.main(["record", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for name, url in BinanceSpot.market_data_only.items():
        assert f"--url {name}={url}" in said


def test_each_command_is_a_module_of_its_name_with_examples(capsys):
    modules = {path.stem for path in Path(folder.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules == set(main.COMMANDS)
    for name in main.COMMANDS:
        assert main.main([name, "--help"]) == 0
        said = capsys.readouterr().out
        assert f"Usage: obi-widgets {name}" in said
        assert f"Examples:\n    obi-widgets {name}" in said or name == "completion"
    assert main.main(["--help"]) == 0
    said = capsys.readouterr().out
    assert "Exit codes:" in said
    assert "..." not in said.partition("Commands:")[2]  # each fits into its line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["recrod"], "There is no command 'recrod'. Did you mean 'record'?"),
        (["record"], "Missing argument 'SOURCE...'."),
        (["lab", "--port", "x"], "'x' is not a valid integer."),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments, said, capsys):
    assert main.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_an_interruption_is_exit_code_130(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(lab, "open_lab", interrupted)
    assert main.main(["lab"]) == 130


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_is_one_line_and_exit_code_1():
    code = """if True:
        import os, sys
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
        from obi_widgets.cli.main import main
        sys.exit(main(["completion", "bash"]))
    """
    process = python(code)
    try:
        said = process.communicate(timeout=PATIENCE)[1]
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, said) == (1, "obi-widgets: No space left on device.\n")


def test_signals_are_as_before_once_a_command_has_ended(tmp_path):
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    assert main.main(["record", "foo:BTC", str(tmp_path / "x.gz")]) == 1
    assert {number: signal.getsignal(number) for number in before} == before


def test_the_shell_completes_commands_and_sources(monkeypatch, capsys):
    def completed(*words: str) -> list[str]:
        monkeypatch.setenv("_OBI_WIDGETS_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", " ".join(["obi-widgets", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with pytest.raises(SystemExit, match="0"):
            main.main([])
        return capsys.readouterr().out.split()

    assert completed("recor") == ["plain,record"]
    assert completed("lab", "lm") == ["plain,lmex:"]
    assert "plain,sim:BTC-PERP" in completed("record", "sim")
    assert completed("lab", "./capt") == ["file,./capt"]
    monkeypatch.delenv("_OBI_WIDGETS_COMPLETE")
    assert main.main(["completion", "zsh"]) == 0
    assert "_OBI_WIDGETS_COMPLETE=zsh_complete" in capsys.readouterr().out


def test_the_package_needs_no_library_of_the_command_line_and_its_help_needs_that_alone():
    code = """if True:
        import sys, obi_widgets
        print(sorted({"click", "rich", "numpy"} & {*sys.modules}))
        from obi_widgets.cli.main import main
        main(["watch", "--help"])
        print(sorted({"click", "rich", "numpy", "pandas", "asyncio"} & {*sys.modules}))
    """
    process = python(code)
    try:
        said = process.communicate(timeout=PATIENCE)[0].splitlines()
        assert (said[0], said[-1]) == ("[]", "['click']")
    finally:
        process.kill()


def test_a_link_is_opened_as_one():
    link = "obi:1?source=sim:BTC-PERP&a.signal=imbalance&a.decay=0.2&window=60"
    assert lab.cells_of(link, {})[1] == f"lab = obi.Lab.from_link({link!r})\nlab"
    assert lab.cells_of("sim:BTC-PERP", {})[1] == "lab = obi.Lab('sim:BTC-PERP')\nlab"
    options = {"testnet": True, "urls": {"rest": "https://x.example"}}
    assert lab.cells_of("bybit:BTCUSDT", options)[1] == (
        "lab = obi.Lab('bybit:BTCUSDT', testnet=True, urls={'rest': 'https://x.example'})\nlab"
    )


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
