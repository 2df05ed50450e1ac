"""What the texts of the notebooks in examples/ say, held against what their cells show."""

from __future__ import annotations

import re


def printed(cell):
    """Return what a cell of code printed, a text for each output that has one."""
    texts = [out.get("text") or out.get("data", {}).get("text/plain") for out in cell.outputs]
    return [text for text in texts if text]


def everything(cells):
    """Return all that the cells of code printed, one text after the other."""
    return "\n".join(out for cell in cells if cell.cell_type == "code" for out in printed(cell))


def column(text, name):
    """Return a column of each printed table that has it: a list of floats for each."""
    found, lines = [], text.splitlines()
    for at, line in enumerate(lines):
        names = line.removesuffix("\\").split()  # which says that a table goes on below
        if name not in names:
            continue
        from_right = len(names) - names.index(name)
        rows = []
        for row in lines[at + 2 :]:
            if not (cells := row.split()) or not re.fullmatch(r"[-\d.]+", cells[0]):
                break
            rows.append(float(cells[-from_right]))
        found.append(rows)
    return found


def check_calibrate(cells):
    text = everything(cells)
    verdicts = re.findall(r"^((?:NOT )?[A-Z ]+) - ", text, re.MULTILINE)
    looks = "NOT VIABLE", "The signal looks ahead"
    assert verdicts == [
        "VIABLE", "NOT VIABLE", "NOT ENOUGH DATA", looks[0], "NOT ENOUGH DATA", "VIABLE"
    ]  # fmt: skip
    assert looks[1] in text
    edge, without, best, shuffled = column(text, "t_naive")
    assert min(edge) > 20
    assert min(without[-3:]) < -5 < -2, "the naive t swears to an effect"
    assert abs(best[0]) < 2, "hardly anything is left of the best of many"
    assert max(map(abs, shuffled[-3:])) > 2
    honest = column(text, "p_adjusted")
    assert max(honest[0]) < 0.05 < min(*honest[1], *honest[2], *honest[3])


def check_compare(cells):
    text = everything(cells)
    for said in (
        "imbalance: adds to the others", "imbalance, other decay: repeats imbalance",
        "queue: adds nothing significant", "noise: not significant", "cheating: left out",
    ):  # fmt: skip
        assert re.search(rf"^{said}", text, re.MULTILINE), said
    assert float(re.search(r"^takers +\d+ +(-\d\.\d+)", text, re.MULTILINE)[1]) < 0
    assert float(re.search(r"corrected ([\d.]+)", text)[1]) > 0.05


def check_gates(cells):
    text = everything(cells).replace("−", "-")

    def row(name):
        found = re.search(rf"^{name} +(\S+) +(\S+)$", text, re.MULTILINE)
        return [float(one.replace(",", "")) for one in found.groups()]

    assert row("selects_low")[0] > 0 > row("selects_low")[1]
    assert row("selects_high")[1] > 0
    assert abs(row("removed_net")[0]) < 0.05
    assert "1 of 23 gates have an interval without 0" in text
    assert "Above 0 with all hours counted: 13 14 15 16 UTC" in text
    less = re.findall(r"^(flip|fade|stop 1 bps|target 1 bps) .*?(-?[\d.]+) ± ([\d.]+) *$", text,
                      re.MULTILINE)  # fmt: skip
    less = [(name, float(mean), float(half)) for name, mean, half in less]
    hourly = [less[n : n + 4] for n in range(0, len(less), 4)][1::2]
    free, gained, lost = hourly
    assert all(abs(mean) < half for _, mean, half in free)
    assert all(mean > half for _, mean, half in gained)
    assert all(mean < -half for _, mean, half in lost)
    assert min(lost, key=lambda one: one[1])[0] == "fade", "it leaves most often"


def check_cards(cells):
    text = everything(cells)
    assert "gate on: 0 entries in the 90 s" in text
    assert "Confidence at 30 s: better than a constant" in text
    assert "Confidence at 30 s: no better than a constant" in text
    assert "neither won" in text
    assert "points with the move at the start of moves" in text
    assert "no lead told" in text
    assert "LMEX against the rest" in text
    says = re.findall(r"^\d .* (alike|opposite|no relation shown)$", text, re.MULTILINE)
    assert says == ["alike", "no relation shown", "no relation shown"]


def check_walls(cells):
    text = everything(cells).replace("−", "-")
    precision, recall = re.search(r"precision ([\d.]+), recall ([\d.]+)", text).groups()
    assert min(float(precision), float(recall)) > 0.7
    known = re.search(r"^known +all +[\d.]+ +\d+ +\S+ +\S+ +(\S+)", text, re.MULTILINE)
    assert float(known[1]) < 0, "what one could have acted on is below 0"
    assert ", 0 taken for spoofs" in text
    assert float(re.search(r"selects_low +(\S+)", text)[1]) > 0
    assert float(re.search(r"wall_fade: .* of (\S+) bps", text)[1]) < -1


def check_markets(cells):
    text = everything(cells)
    assert "near leads far by 0.50 s" in text
    assert "No relation beyond chance." in text


def check_exercises(cells):
    """Hold what the folded answers of the exercises say against what their cells print."""
    outputs = {out for cell in cells if cell.cell_type == "code" for out in printed(cell)}
    brier = {
        name.strip(): float(score)
        for out in outputs if "Brier  right" in out
        for name, score in re.findall(r"^(\D[^\n]*?) {2,}(\d\.\d+) ", out, re.MULTILINE)
    }  # fmt: skip
    assert min(brier, key=brier.get) == "no trend, and the last 30 %"
    assert brier["the verdict"] < 0.2 < brier["naive t, after costs"]
    (traps,) = (out for out in outputs if "edge gone  jumps  trend" in out)
    naive = re.search(r"^naive t.* ([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", traps, re.MULTILINE)
    calm, gone, jumps, trend = (float(one) for one in naive.groups())
    assert calm < 0.05 < 0.1 < min(gone, jumps, trend)
    said, answers = {}, 0
    for cell in cells:
        if found := re.search(r"^## (\d)\. ", cell.source, re.MULTILINE):
            exercise = int(found[1])
        elif cell.cell_type == "code" and answers < 5 and "exercise" in locals():
            said[exercise] = "\n".join(printed(cell))
        answers += cell.source.startswith("<details><summary>Answer</summary>")
    assert answers == len(said) == 5
    decays = [float(one) for one in re.findall(r"decay 0: ([\d.]+)", said[1])]
    assert min(decays[:2]) > 0.999, "a dead slider"
    assert decays[-1] < 0.98
    assert any(40 < int(share) < 60 for share in re.findall(r"(\d+)%", said[2]))
    naive, honest = (int(one) for one in re.findall(r": (\d+)% of 60", said[3]))
    assert naive > 50
    assert honest < 15
    row = r"^\d .* (-?\d+\.\d+) +(-?\d+\.\d+) +([a-z ]+?) +([a-z]+)$"
    figures = [
        (float(first), float(second), truth, price)
        for first, second, truth, price in re.findall(row, said[4], re.MULTILINE)
    ]
    assert len(figures) == 6
    assert sum(truth == "pays" for _, _, truth, _ in figures) == 3
    assert all(first > 0 for first, *_ in figures)
    assert sum(second < first for first, second, *_ in figures) >= 4
    assert sum(second < 0 for _, second, *_ in figures) >= 2
    assert figures[3][2:] == ("no edge", "trend")
    assert figures[3][1] > 1, "the trend is in both halves"
    bid, none, ask = (float(one) for one in re.findall(r"mean imbalance ([+-][\d.]+)", said[5]))
    assert bid > none + 0.1 > ask + 0.2
    near = [float(one) for one in re.findall(r"only: ([+-][\d.]+), ([+-][\d.]+)", said[5])[0]]
    assert max(near) - min(near) < (bid - ask) / 3, "not seen in five levels"


CHECKS = {
    "03": check_calibrate, "04": check_compare, "05": check_gates, "06": check_cards,
    "07": check_walls, "08": check_markets, "10": check_exercises,
}  # fmt: skip
"""A check for each notebook whose text claims figures, by its number."""
