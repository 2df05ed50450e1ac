// The colours and the typeface of theme.css, as a canvas takes them. They are asked for once and kept:
// to ask in each frame would make the browser lay out the page anew in the middle of it.

// Attributes of the page by which front ends say whether they are light or dark.
const MARKERS = ["class", "theme", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];

// What the reader's system asks for.
const WISHES = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];

// Returns `color(name)`, the colour of `--obi-name` within a node, `font()`, the font of texts there,
// and how to let go of both. `changed` is called when they may have changed.
function palette(el, changed) {
  const probe = document.createElement("span");
  probe.hidden = true;
  el.append(probe);
  let colors = new Map();
  let family = "";

  function color(name) {
    if (!colors.has(name)) {
      probe.style.color = `var(--obi-${name})`;
      colors.set(name, getComputedStyle(probe).color);
    }
    return colors.get(name);
  }

  function font() {
    family ||= getComputedStyle(probe).fontFamily;
    return `11px ${family}`;
  }

  function recolor() {
    colors = new Map();
    family = "";
    changed();
  }

  const themed = new MutationObserver(recolor);
  for (const node of [document.documentElement, document.body]) {
    themed.observe(node, { attributeFilter: MARKERS });
  }
  const preferred = WISHES.map((query) => window.matchMedia(query));
  for (const one of preferred) one.addEventListener("change", recolor);

  function stop() {
    themed.disconnect();
    for (const one of preferred) one.removeEventListener("change", recolor);
    probe.remove();
  }

  return { color, font, stop };
}
