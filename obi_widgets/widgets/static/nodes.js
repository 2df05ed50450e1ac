// Helpers for nodes of the page. Scripts that use them are joined with this file.

// Add a node with a text. Never HTML: symbols and messages come from a venue.
function make(tag, className, parent, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
}

// Set a text only when it changes: a screen reader reads a status aloud each time that it is set.
// A new text node would be laid out from nothing, so the old one gets the text.
function set(node, text) {
  if (node.textContent === text) return;
  const { firstChild: old } = node;
  if (old?.nodeType === Node.TEXT_NODE && old === node.lastChild) old.data = text;
  else node.textContent = text;
}

// Set a text whose last parts are left out where they have no room: they wrap out of sight.
function inParts(node, parts) {
  if (node.textContent === parts.join("")) return;
  node.replaceChildren();
  for (const part of parts) make("span", "", node, part);
}

// Add a button that shows an icon: the path of a line in a square of 20.
function icon(parent, path, label, title = label) {
  const button = make("button", "obi-button obi-icon", parent);
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", path);
  svg.append(line);
  button.append(svg);
  button.title = title;
  button.setAttribute("aria-label", label);
  return button;
}

// marimo shows a widget in a shadow tree of its own, where it is not within a part.
function standAlone(el) {
  requestAnimationFrame(() => {
    if (el.getRootNode() instanceof ShadowRoot) el.classList.add("obi");
  });
}

// A length of time in short.
function seconds(value) {
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 120) return `${value.toFixed(0)} s`;
  return value < 7200 ? `${(value / 60).toFixed(0)} min` : `${(value / 3600).toFixed(1)} h`;
}
