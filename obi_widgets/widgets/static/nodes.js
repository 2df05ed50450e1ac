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
function set(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
