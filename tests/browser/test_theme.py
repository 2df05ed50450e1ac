"""Light or dark in front ends that are not here: by their markers, in a plain page without them."""

from __future__ import annotations

import re

import pytest

from browser.looks import contrasts
from obi_widgets.widgets.assets import STATIC, asset

SHEETS = sorted(path.name for path in STATIC.glob("*.css"))
NAMES = sorted(set(re.findall(r"(--obi-[\w-]+):", asset("theme.css"))) - {"--obi-font"})

# The style sheet of ipywidgets has JupyterLab's variables, always those of the light theme.
PAGE = """<!doctype html><html {html}><head>
<style>{jupyter}</style><style>{sheets}</style></head>
<body {body}><div class="obi" id="one">
<span class="obi-note">note</span><button class="obi-button">button</button>
<div class="obi-message">message</div><div class="obi-message" data-tone="bad">bad</div>
<div class="obi-row obi-ask"><span class="obi-price">1.0</span></div>
<div class="obi-row obi-bid"><span class="obi-price">1.0</span></div>
</div></body></html>"""
LIGHT_VARIABLES = ":root { --jp-layout-color0: white; --jp-content-font-color0: black; }"

COLORS = """names => {
    const one = document.querySelector('#one');
    const style = getComputedStyle(one);
    const probe = document.createElement('i');
    one.append(probe);
    const unknown = names.filter(name => {
        const seen = ['rgb(1, 2, 3)', 'rgb(3, 2, 1)'].map(color => {
            one.style.setProperty('--probe', color);
            probe.style.color = `var(${name}, var(--probe))`;
            return getComputedStyle(probe).color;
        });
        return seen[0] !== seen[1];
    });
    probe.remove();
    return [style.colorScheme, style.backgroundColor, style.color, style.fontFamily, unknown];
}"""

LIGHT, DARK = ("rgb(255, 255, 255)", "rgb(17, 17, 17)"), ("rgb(17, 17, 17)", "rgb(255, 255, 255)")


@pytest.mark.parametrize(
    ("html", "body", "prefers", "dark"),
    [
        ("", "", "light", False),
        ("", "", "dark", True),
        ('theme="light"', "", "dark", False),
        ('theme="dark"', "", "light", True),
        ("", 'data-vscode-theme-kind="vscode-light"', "dark", False),
        ("", 'data-vscode-theme-kind="vscode-dark"', "light", True),
        ("", 'data-vscode-theme-kind="vscode-high-contrast"', "light", True),
        ("", 'data-vscode-theme-kind="vscode-high-contrast-light"', "dark", False),
        ("", 'class="notebook_app"', "dark", False),
        ("", 'class="light"', "dark", False),
        ("", 'class="dark"', "light", True),
    ],
    ids=lambda value: str(value) or "-",
)
def test_each_marker_is_heard(plain, html, body, prefers, dark):
    for jupyter in ("", LIGHT_VARIABLES):
        plain.emulate_media(color_scheme=prefers)
        plain.set_content(PAGE.format(html=html, body=body, jupyter=jupyter, sheets=asset(*SHEETS)))
        *found, font, unknown = plain.evaluate(COLORS, NAMES)
        ground, ink = DARK if dark else LIGHT
        if not jupyter:
            assert font
        scheme = found[0]
        assert tuple(found[1:]) == (ground, ink)
        assert unknown == [], "colours that the page does not know"
        wanted = "light dark" if not (html or body) else "dark" if dark else "light"
        assert scheme == wanted
        pale = {what: ratio for what, ratio in contrasts(plain.locator("#one")).items()
                if ratio < 4.5}  # fmt: skip
        assert not pale


@pytest.fixture(scope="module")
def plain(jupyterlab):
    """A page of nobody's."""
    page = jupyterlab.context.new_page()
    yield page
    page.close()


def test_the_palette_is_whole():
    assert len(NAMES) > 15
