"""Each colour of a text can be read on each ground that it may stand on (WCAG).

The ratios are computed from theme.css, not met by chance on a screen: of all pairs, also those of
a line under the mouse whose signal is beyond the threshold. The other sheets are held to the names
of these colours, so that no text has another one.
"""

from __future__ import annotations

import re

import pytest

from obi_widgets.widgets.assets import STATIC, asset

TEXTS = ("ink", "label", "bid-text", "ask-text", "warning")
"""Colours of texts. Each can be read on each of the grounds."""

GROUNDS = ("ground", "shade", "warning-ground")
"""What texts stand on: plain; under the mouse, chosen, or a message; a warning."""

SIGNS = [("on-color", "bid-text"), ("on-color", "ask-text"), ("ground", "ink")]
"""Texts on a sign of one colour, and that colour."""

JUPYTERLAB = {
    "light": {"--jp-layout-color0": "#ffffff", "--jp-layout-color1": "#ffffff",
              "--jp-layout-color2": "#eeeeee", "--jp-content-font-color0": "#000000"},
    "dark": {"--jp-layout-color0": "#111111", "--jp-layout-color1": "#212121",
             "--jp-layout-color2": "#424242", "--jp-content-font-color0": "#ffffff"},
}  # fmt: skip
"""Variables of its themes; that of high contrast has those of the dark one."""

ANYWHERE, IN_JUPYTERLAB = ".obi, .obi-still, :host", "body[data-jp-theme-light] .obi"
IN_VOILA, IN_VSCODE = "body[data-voila] .obi", "body[data-vscode-theme-kind] .obi"
HIGH_CONTRAST = 'body[data-jp-theme-name*="High Contrast"] .obi'
MORE = ":is(body, body[data-jp-theme-light]) .obi"

CASES = {
    "plain": ([ANYWHERE], {}, 4.5),
    "jupyterlab": ([ANYWHERE, IN_JUPYTERLAB], JUPYTERLAB, 4.5),
    "voila": ([ANYWHERE, IN_JUPYTERLAB, IN_VOILA], JUPYTERLAB, 4.5),
    "vscode": (
        [ANYWHERE, IN_VSCODE],
        {
            "light": {"--vscode-editor-background": "#ffffff"},
            "dark": {"--vscode-editor-background": "#1f1f1f"},
        },
        4.5,
    ),
    "high contrast": ([ANYWHERE, IN_JUPYTERLAB, HIGH_CONTRAST], JUPYTERLAB, 7.0),
    "more contrast": ([ANYWHERE, MORE], {}, 7.0),
    "more contrast in jupyterlab": ([ANYWHERE, IN_JUPYTERLAB, MORE], JUPYTERLAB, 7.0),
}
"""Of each front end: the rules in force, its own variables, and the ratio that is wanted."""


def rules(sheet):
    """Return the rules of a style sheet in their order: selector and declarations.

    Rules within an ``@media`` or ``@container`` are among them.
    """
    text = re.sub(r"/\*.*?\*/", "", sheet, flags=re.S)
    found = []
    for selector, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
        declared = [one.partition(":") for one in body.split(";") if ":" in one]
        found.append(
            (
                " ".join(selector.split()),
                {name.strip(): value.strip() for name, _, value in declared},
            )
        )
    return found


THEME = rules(asset("theme.css"))


def rgba(text, known, *, dark):
    """Return a colour as red, green, blue (0 to 255) and opacity (0 to 1)."""
    if text.startswith("#"):
        digits = text[1:] + "f" * (8 - len(text[1:]))
        *color, opacity = (int(digits[at : at + 2], 16) for at in (0, 2, 4, 6))
        return (*color, opacity / 255)
    name, _, inner = text.removesuffix(")").partition("(")
    deep = [inner[:at].count("(") - inner[:at].count(")") for at in range(len(inner))]
    comma = next((at for at, one in enumerate(inner) if one == "," and not deep[at]), len(inner))
    first, other = inner[:comma], inner[comma + 1 :].strip()
    assert name in ("var", "light-dark"), text
    chosen = other if name == "light-dark" and dark else first
    if name == "var":
        chosen = known.get(first, other)
    return rgba(chosen, known, dark=dark)


def over(color, ground):
    """Return a colour as it is seen on an opaque ground."""
    *front, opacity = color
    return (*(c * opacity + g * (1 - opacity) for c, g in zip(front, ground, strict=False)), 1.0)


def luminance(color):
    parts = [c / 255 for c in color[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(text, ground):
    low, high = sorted((luminance(over(text, ground)), luminance(ground)))
    return (high + 0.05) / (low + 0.05)


def palette(selectors, variables, *, dark):
    """Return the colours by name, as these rules set them one after the other."""
    known = dict(variables)
    for wanted in selectors:
        (declared,) = [one for name, one in THEME if name == wanted]
        known |= declared
    return {
        name: rgba(known[f"--obi-{name}"], known, dark=dark)
        for name in {*TEXTS, *GROUNDS, "on-color", "bid-pale", "ask-pale"}
    }


def test_a_ratio_is_that_of_the_standard():
    black, white, grey = ((c, c, c, 1.0) for c in (0, 255, 0x76))
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(grey, white) == pytest.approx(4.54, abs=0.01)
    assert contrast((0, 0, 0, 0.0), white) == pytest.approx(1), "what is not seen"


@pytest.mark.parametrize(
    ("case", "dark"),
    [(case, dark) for case in CASES for dark in (False, True) if dark or case != "high contrast"],
    ids=lambda value: {False: "light", True: "dark"}.get(value, value),
)  # JupyterLab's theme of high contrast is dark
def test_each_text_can_be_read_on_each_ground(case, dark):
    selectors, variables, least = CASES[case]
    colors = palette(selectors, variables.get("dark" if dark else "light", {}), dark=dark)
    pairs = {(text, ground): (colors[text], colors[ground]) for text in TEXTS for ground in GROUNDS}
    for side in ("bid", "ask"):
        seen = over(colors[f"{side}-pale"], colors["ground"])
        texts = ("ink", "label", f"{side}-text")
        pairs |= {(text, f"a bar of {side}"): (colors[text], seen) for text in texts}
    pairs |= {(text, f"a sign of {sign}"): (colors[text], colors[sign]) for text, sign in SIGNS}
    ratios = {names: contrast(*pair) for names, pair in pairs.items()}
    assert {names: round(one, 2) for names, one in ratios.items() if one < least} == {}


SHEETS = {path.name: rules(asset(path.name)) for path in STATIC.glob("*.css")}


def test_no_text_has_another_colour():
    texts = {f"var(--obi-{name})" for name in TEXTS} | {"inherit"}
    signs = {(f"var(--obi-{text})", f"var(--obi-{sign})") for text, sign in SIGNS}
    found = {
        selector: declared["color"]
        for name, sheet in SHEETS.items()
        for selector, declared in sheet
        if "color" in declared and ":disabled" not in selector
        and declared["color"] not in texts | {"HighlightText"}
        and (declared["color"], declared.get("background")) not in signs
    }  # fmt: skip
    assert found == {}


def test_what_is_pointed_at_or_chosen_has_no_other_ground():
    grounds = {f"var(--obi-{name})" for name in GROUNDS} | {"none", "Highlight"}
    state = re.compile(r":hover|:focus|aria-pressed|aria-expanded|data-chosen|mod-active|data-tone")
    found = {
        selector: declared["background"]
        for sheet in SHEETS.values()
        for selector, declared in sheet
        if state.search(selector) and not selector.endswith("::before")
        and declared.get("background", "none") not in grounds
    }  # fmt: skip
    assert found == {}


NOT_READ = ("[data-heard=", "[inert]", ":disabled", ".obi-faint", ".obi-empty", ".obi-waits",
            ".obi-heat-bar")  # fmt: skip
"""What may be dimmed: what is over or cannot be used now, levels that the signal leaves out, and
drawings. Opacity makes each text paler than its colour."""


def test_no_text_that_is_read_is_dimmed():
    found = [
        selector
        for sheet in SHEETS.values()
        for selector, declared in sheet
        if float(declared.get("opacity", 1)) < 1 and not any(one in selector for one in NOT_READ)
    ]
    assert found == []
