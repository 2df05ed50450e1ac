// What a mouse reads in a tooltip, for keys: a box below the node that has the focus.

// Makes a node's words a tooltip, and the node one that keys come to; without words, neither.
function hint(node, words) {
  if (node.title === (words ?? "")) return;
  node.title = words ?? "";
  if (words) node.tabIndex = 0;
  else node.removeAttribute("tabindex");
}

// Shows the tooltip of the node within `root` that keys came to, or its longer `data-hint`. Escape
// closes the box, and so does what takes the focus away. Returns what ends it.
function hints(root) {
  root.classList.add("obi-hinted");
  const box = make("div", "obi-hint", root);
  box.setAttribute("role", "tooltip");
  box.id = `obi-hint-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  box.hidden = true;
  let about = null;

  const renewed = new MutationObserver(() => tell());

  function hide() {
    renewed.disconnect();
    about?.removeAttribute("aria-describedby");
    about = null;
    box.hidden = true;
  }

  function tell() {
    const words = about.dataset.hint || about.title;
    if (!words) return hide();
    set(box, words);
    // Below the node if there is room within the part, else above it.
    const [at, all] = [about.getBoundingClientRect(), root.getBoundingClientRect()];
    const below = at.bottom - all.top + 4;
    const above = at.top - all.top - box.offsetHeight - 4;
    const left = Math.min(at.left - all.left, all.width - box.offsetWidth);
    box.style.left = `${Math.max(left, 0)}px`;
    box.style.top = `${below + box.offsetHeight > all.height && above >= 0 ? above : below}px`;
  }

  root.addEventListener("focusin", ({ target }) => {
    hide();
    if (!target.matches(":focus-visible") || !(target.dataset.hint || target.title)) return;
    about = target;
    about.setAttribute("aria-describedby", box.id);
    box.hidden = false;
    renewed.observe(about, { attributes: true, attributeFilter: ["title", "data-hint"] });
    tell();
  });
  root.addEventListener("focusout", hide);
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    event.stopPropagation(); // it closes the box, and nothing around it
    hide();
  });
  return () => renewed.disconnect();
}
