"""How the command ends from outside, and whether what it prints has somewhere to go."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from session_tools import wait_for

from obi_widgets.cli import ending, streams
from obi_widgets.cli.output import say_json

PATIENCE = 120  # seconds for a process on a busy machine; far more than it needs
MAIN = "import sys; from obi_widgets.cli.start import main; sys.exit(main())"


def process(code: str, *arguments: str, shell: str = "", **environment: str):
    """Start Python; ``shell`` has redirections of a shell."""
    begin = ["sh", "-c", f'exec "$@" {shell}', "sh"] if shell else []
    return subprocess.Popen(
        [*begin, sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | environment,
    )  # fmt: skip


def ended(started) -> tuple[int, bytes, bytes]:
    """Return exit code and outputs."""
    try:
        said, wrong = started.communicate(timeout=PATIENCE)
    finally:
        started.kill()
        started.communicate()
    return started.returncode, said, wrong


@contextmanager
def piped():
    """Let standard output be a pipe; give a function that closes the end that is read."""
    read, write = os.pipe()
    with os.fdopen(write, "w") as out, ExitStack() as left, pytest.MonkeyPatch.context() as patch:
        left.callback(os.close, read)
        patch.setattr(sys, "stdout", out)
        yield left.close


def wait(leave=lambda: None, *, while_read=True, then=lambda: None):
    with ending.interruptible(while_read=while_read):
        leave()
        then()
        wait_for(lambda: False)  # until it is interrupted


def test_a_reader_that_leaves_ends_what_prints_nothing():
    before, threads = signal.getsignal(signal.SIGTERM), threading.active_count()
    with piped() as leave, pytest.raises(BrokenPipeError):
        wait(leave)
    assert signal.getsignal(signal.SIGTERM) is before
    assert threading.active_count() == threads


def test_ctrl_c_stays_one_while_there_is_a_reader():
    with piped(), pytest.raises(KeyboardInterrupt):
        wait(then=lambda: signal.raise_signal(signal.SIGINT))


def test_what_is_not_there_for_its_output_goes_on_without_a_reader():
    def still_there():
        time.sleep(0.1)
        signal.raise_signal(signal.SIGTERM)

    with piped() as leave, pytest.raises(KeyboardInterrupt):
        wait(leave, while_read=False, then=still_there)


@pytest.mark.slow
@pytest.mark.parametrize("command", [["simulate", "--json"], ["serve", "sim:BTC-PERP", "--port=0"]])
def test_a_server_ends_once_its_reader_has_left(command):
    started = process(MAIN, *command, PYTHONUNBUFFERED="1")
    try:
        assert started.stdout.readline()
        started.stdout.close()
        assert started.wait(PATIENCE) == 1
        assert started.stderr.read() == b""
    finally:
        started.kill()
        started.wait()
        started.stderr.close()


def test_ctrl_c_while_the_command_is_imported_is_no_traceback():
    code = """if True:
        import os, signal, sys, time
        class Interrupting:
            def find_spec(name, *_):
                if name == "obi_widgets.cli.main":
                    os.kill(os.getpid(), signal.SIGINT)
                    time.sleep(60)
        sys.meta_path.insert(0, Interrupting)
        from obi_widgets.cli.start import main
        sys.exit(main())
    """
    assert ended(process(code)) == (130, b"", b"")


def test_a_narrow_encoding_keeps_every_minus():
    out = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        streams.prepare()
        print("⚠ −0.25 – a…b ≥ 1 Ж")
        say_json({"text": "⚠ −1"})
        out.flush()
    said, line = out.buffer.getvalue().decode("latin-1").splitlines()
    assert said == "! -0.25 - a...b >= 1 ?"
    assert json.loads(line) == {"text": "⚠ −1"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such shell")
@pytest.mark.parametrize(("closed", "wrong"), [(">&-", b"a line\n"), ("<&- >&- 2>&-", b"")])
def test_what_is_printed_to_a_closed_stream_goes_nowhere_else(closed, wrong):
    # Without a descriptor 1, the next file that is opened would have it.
    code = """if True:
        import os, sys, tempfile
        from obi_widgets.cli import main
        from obi_widgets.cli.output import say_table
        def told():
            with tempfile.TemporaryFile() as file:
                os.write(1, b"a line")
                say_table(["a"], [["b"]])
                print("a line", file=sys.stderr)
                return 0 if os.fstat(file.fileno()).st_size == 0 else 9
        main.commands.main = lambda *_, **__: told()
        sys.exit(main.main([]))
    """
    assert ended(process(code, shell=closed)) == (0, b"", wrong)
