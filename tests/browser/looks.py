"""Measures of how something looks: what is cut off, what overlaps, what is too pale to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.sync_api import Locator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from browser.jupyterlab import Notebook

THEMES = {
    "light": {"dark": False},
    "dark": {"dark": True},
    "high contrast": {"dark": True, "contrast": True},
}

HELPERS = """
const visible = el => el.checkVisibility({visibilityProperty: true, opacityProperty: true});
const said = el => {
    const of = el.classList.length ? el : el.parentElement;
    const name = [...of.classList].join('.') + (of === el ? '' : ` ${el.tagName}`);
    return `${name} "${(el.value ?? el.textContent).slice(0, 40)}"`;
};
// Where an element's text is, not its box.
const ink = el => {
    if (el.matches('input, select')) return el.getBoundingClientRect();
    const range = document.createRange();
    range.selectNodeContents(el);
    return range.getBoundingClientRect();
};
// Texts that are shortened on purpose; the whole is in a tooltip, or in words elsewhere.
const MEANT = '.obi-signal .obi-label, .obi-b, select, .obi-choice, .obi-health-detail';
// What is laid over the rest on purpose.
const ABOVE = '.obi-box, .obi-then, .obi-dot-label, .obi-last, .obi-keys, .obi-layers-list, ' +
    '.obi-card-tip';
// What hides a part of an element: the nearest that clips.
const clipped = (el, box, root) => {
    for (let up = el.parentElement; up && root.contains(up); up = up.parentElement) {
        if (getComputedStyle(up).overflowX === 'visible') continue;
        const c = up.getBoundingClientRect();
        const wide = Math.min(box.right, c.right) - Math.max(box.left, c.left);
        const high = Math.min(box.bottom, c.bottom) - Math.max(box.top, c.top);
        if (wide <= 1 || high <= 1) return true;
    }
    return false;
};
// Elements that hold a text of their own that is seen.
const texts = root => [...root.querySelectorAll('*')].filter(el =>
    (el.matches('input:not([type=checkbox], [type=range])') ||
        [...el.childNodes].some(one => one.nodeType === 3 && one.data.trim())) &&
    !el.matches('title, option, style') && !el.closest('.obi-spoken') && visible(el) &&
    !clipped(el, ink(el), root));
"""

CUT_OFF = (
    """root => {"""
    + HELPERS
    + """
    const found = [], room = root.getBoundingClientRect();
    for (const el of [root, ...root.querySelectorAll('*')]) {
        // A list that scrolls by itself, and what only a screen reader reads, are meant so.
        const sideways = ['auto', 'scroll'].includes(getComputedStyle(el).overflowX);
        if (!(el instanceof HTMLElement) || !el.clientWidth || sideways || !visible(el)) continue;
        if (el.closest('.noUi-target, .obi-spoken')) continue;
        if (clipped(el, el.getBoundingClientRect(), root)) continue;
        if (el.scrollWidth > el.clientWidth + 1 && !el.matches(MEANT))
            found.push(`${said(el)} is cut off: ${el.scrollWidth} > ${el.clientWidth}`);
    }
    for (const el of texts(root)) {
        const r = ink(el);
        const out = Math.max(room.left - r.left, r.right - room.right, room.top - r.top,
            r.bottom - room.bottom);
        if (out > 0.5) found.push(`${said(el)} is ${out.toFixed(1)} px outside`);
    }
    return found;
}"""
)

OVERLAPPING = (
    """root => {"""
    + HELPERS
    + """
    const found = [], shown = texts(root), boxes = shown.map(ink);
    boxes.forEach((a, i) => boxes.slice(0, i).forEach((b, j) => {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        // A line's box is higher than its letters: two px are no overlap that is seen.
        if (wide > 0 && high > 2 && !shown[i].closest(ABOVE) && !shown[j].closest(ABOVE))
            found.push(`${said(shown[i])} on ${said(shown[j])}`);
    }));
    return found;
}"""
)

CONTRAST = (
    """(root, selector) => {"""
    + HELPERS
    + """
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d', {willReadFrequently: true});
    // Whatever way a colour is written.
    const rgba = color => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = color;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], ground) => [r, g, b].map((c, i) => c * a + ground[i] * (1 - a));
    const luminance = color => {
        const [r, g, b] = color.map(c => {
            c /= 255;
            return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = el => {
        if (!el) return [255, 255, 255];
        const color = rgba(getComputedStyle(el).backgroundColor);
        return color[3] === 1 ? color.slice(0, 3) : over(color, ground(el.parentElement));
    };
    const found = {};
    for (const el of root.querySelectorAll(selector)) {
        const text = el.value ?? el.textContent;
        if (!text.trim() || !visible(el) || el.closest('.obi-faint')) continue;
        const style = getComputedStyle(el), svg = el instanceof SVGElement;
        let behind = ground(el);
        // A size stands on its bar, an imbalance's title on a zone.
        const bar = el.matches('.obi-size') && el.parentElement.querySelector('.obi-whole');
        if (bar) behind = over(rgba(getComputedStyle(bar).backgroundColor), behind);
        const front = over(rgba(svg ? style.fill : style.color), behind);
        const [low, high] = [luminance(front), luminance(behind)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        const name = said(el).replace(/ ".*/, '') + (el.dataset.side ?? '');
        const side = el.closest('.obi-ask') ? ' ask' : el.closest('.obi-bid') ? ' bid' : '';
        found[name + side] = Math.min(found[name + side] ?? 99, Math.round(100 * ratio) / 100);
    }
    return found;
}"""
)

TEXTS = """.obi-symbol, .obi-venue, .obi-state, .obi-figure .obi-label, .obi-figure .obi-value,
    .obi-window, .obi-button, .obi-message, .obi-waiting, .obi-row .obi-price, .obi-row .obi-size,
    .obi-middle strong, .obi-middle span, .obi-note, .obi-title, .obi-tick, .obi-last,
    .obi-with-time .axis .tick text, .obi-head, .obi-setting span, .obi-setting input,
    .obi-opener, .obi-unfold, .obi-what, .obi-result, .widget-toggle-button, .obi-word,
    .obi-reason, .obi-span, .obi-mark, .obi-table th, .obi-table td, .obi-fact, .obi-known,
    .obi-legend span, .obi-length, .obi-titled span, .obi-parts button, .obi-where, .obi-hint,
    .obi-use, .obi-line-part span, .obi-seal-word, .obi-seal-reason, .obi-seal-of,
    .obi-seal-about, .obi-seal-what, .obi-seal-value, .obi-health-head span, .obi-health-cell span,
    .obi-health-cell-note, .obi-health-tick, .obi-health-legend span,
    .obi-health-interruptions span, .obi-health-shares span, .obi-health ul,
    .obi-board-table th, .obi-board-table td,
    .obi-card span:not(.obi-card-track, .obi-card-modes), .obi-card-about, .obi-card-cell div,
    .obi-card-caution, .obi-card-plot-title, .obi-card-letter, .obi-card-apart div,
    .obi-gate-said span, .obi-gate-removed,
    .obi-leads div, .obi-market, .obi-sorter, .obi-board-state, .obi-states, .obi-chip"""


def cut_off(root: Locator) -> list[str]:
    """Return what scrolls sideways, is cut off, or lies outside."""
    found: list[str] = root.evaluate(CUT_OFF)
    return found


def overlapping(root: Locator) -> list[str]:
    """Return which texts lie on each other."""
    found: list[str] = root.evaluate(OVERLAPPING)
    return found


def contrasts(root: Locator) -> dict[str, Any]:
    """Return the least contrast of each kind of text against what is behind it (WCAG)."""
    found: dict[str, Any] = root.evaluate(CONTRAST, TEXTS)
    return found


def faults_of(
    nb: Notebook, shown: Locator, sizes: Mapping[int, int], place: Path, name: str
) -> list[str]:
    """Return what is cut off, overlaps or is too pale, by width and by theme; take screenshots.

    ``sizes`` has a height for each width; the screenshots are ``place / f"{name}-..."``.
    """
    found = []
    for width, height in sizes.items():
        nb.set_output_width(width, height)
        nb.page.wait_for_timeout(300)
        found += [f"{width}: {one}" for one in (*cut_off(shown), *overlapping(shown))]
        shown.screenshot(path=place / f"{name}-{width}.png")
    nb.set_output_width(1240)
    for title, theme in THEMES.items():
        nb.theme(**theme)
        nb.page.wait_for_timeout(300)
        shown.screenshot(path=place / f"{name}-{title.replace(' ', '-')}.png")
        least = 7 if title == "high contrast" else 4.5
        pale = {what: ratio for what, ratio in contrasts(shown).items() if ratio < least}
        found += [f"{title}: {pale}"] if pale else []
    nb.theme(dark=False)
    return found
