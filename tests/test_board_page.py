"""docs/board.md: its snippets run one after the other, and say what the page says."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = (Path(__file__).parents[1] / "docs" / "board.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)


def test_the_snippets_run_and_say_what_the_page_says(capsys):
    told = re.findall(r"^print\(.*?# (.*?) …$", PAGE, flags=re.M)
    assert len(told) == 2
    names = {}
    try:
        for number, snippet in enumerate(SNIPPETS):
            exec(compile(snippet, f"docs/board.md, snippet {number}", "exec"), names)
    finally:
        for name in ("board", "other", "lab", "kept"):
            if name in names:
                names[name].close()
    said = capsys.readouterr().out.splitlines()
    assert [one[: len(two)] for one, two in zip(said, told, strict=True)] == told
    assert names["table"].index.tolist() == list(names["board"].sources)
    assert names["signals"].columns.tolist()[-1] == "divergence"
    assert names["alike"]["low"].item() > 0.5
    assert len(names["report"].table) > 0
