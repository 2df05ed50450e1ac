// The keyboard: keys act on the lab that has the focus, or else on the one that the mouse is over.

const KEYS = [
  ["Space", "pause, resume"],
  ["← →", "look back, look ahead; from state to state while a moment is pinned"],
  ["+ −", "zoom in, zoom out"],
  ["Home", "return to now"],
  ["g", "go to a time that you type, and read the book of then"],
  ["u, Ctrl Z", "undo a change of the settings"],
  ["Shift Ctrl Z", "redo it"],
  ["Enter", "in a chart: pin the newest state in view; on a level of the book: use levels up to it"],
  ["Escape", "release what is pinned or selected"],
  ["?", "show or hide this list"],
];
const STEP = 0.2; // of the window, that an arrow moves it
const FACTOR = 1.5; // of a zoom
const FAMILIAR = "input, textarea, select, [contenteditable]:not([contenteditable=false]), .cm-editor";
// What the space bar presses. A chart takes the focus, and has no such use for it.
const PRESSED = "button, summary, a, [role]:not([role=dialog], .obi-field), [tabindex='0']:not(.obi-field)";

// What a key does, as a message to the kernel; null if it is none of ours, or belongs to what has
// the focus: an arrow to a slider, the space bar to a button.
function meaning(event, now, focused) {
  if (event.altKey) return null;
  const own = (role) => focused?.closest(role);
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    if (key === "z") return { do: event.shiftKey ? "redo" : "undo" };
    return key === "y" && !event.shiftKey ? { do: "redo" } : null;
  }
  const adjusts = own("[role=slider], [role=radiogroup], [role=listbox], [role=grid], .obi-cell");
  switch (event.key) {
    case " ":
      return own(PRESSED) ? null : { do: now.paused ? "resume" : "pause" };
    case "ArrowLeft":
      return adjusts ? null : { do: "pan", share: STEP };
    case "ArrowRight":
      return adjusts ? null : { do: "pan", share: -STEP };
    case "+":
    case "=":
      return { do: "zoom", factor: 1 / FACTOR, at: now.back ? 0.5 : 1 };
    case "-":
    case "−":
      return { do: "zoom", factor: FACTOR, at: now.back ? 0.5 : 1 };
    case "Home":
      return adjusts ? null : { do: "now" };
    case "u":
      return { do: "undo" };
    case "g":
      return { do: "goto" };
    case "?":
      return { do: "help" };
    default:
      return null;
  }
}

// Let keys act on the lab around `el`, and add the button of their list. Returns how to stop.
function listen(model, el, controls) {
  const help = make("button", "obi-button obi-icon", controls, "?");
  help.title = "Keys";
  help.setAttribute("aria-label", "Keys");
  help.setAttribute("aria-expanded", "false");
  const sheet = make("div", "obi-keys", el);
  sheet.setAttribute("role", "dialog");
  sheet.setAttribute("aria-label", "Keys");
  sheet.tabIndex = -1;
  sheet.hidden = true;
  const head = make("div", "obi-keys-head", sheet);
  make("strong", "", head, "Keys");
  const close = make("button", "obi-close", head, "×");
  close.setAttribute("aria-label", "Close the list of keys");
  const list = make("dl", "", sheet);
  for (const [key, what] of KEYS) {
    make("dt", "", list, key);
    make("dd", "", list, what);
  }
  make("div", "obi-note", sheet, "They act while the lab has the focus, or the mouse is over it.");

  function turn(shown) {
    sheet.hidden = !shown;
    help.setAttribute("aria-expanded", String(shown));
    (shown ? sheet : help).focus({ preventScroll: true });
  }
  help.onclick = () => turn(sheet.hidden);
  close.onclick = () => turn(false);

  const around = () => el.closest(".obi-lab") ?? el.closest(".obi") ?? el;

  function press(event) {
    const root = around();
    const focused = document.activeElement;
    const within = root.contains(focused);
    if (!within && (focused?.closest(".obi") || !root.matches(":hover"))) return;
    if (event.key === "Escape" && !sheet.hidden) {
      turn(false);
      event.stopPropagation();
      return;
    }
    if (focused?.closest(FAMILIAR)) return; // who types, types
    if (root.dataset.heard === "silent" || root.dataset.heard === "gone") return;
    const message = meaning(event, model.get("state"), within ? focused : null);
    const taken = (message?.do === "pan" || event.key === "Escape") && offered(root, event);
    if (message === null && !taken) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // JupyterLab has other uses for it
    if (taken) return;
    if (message.do === "help") turn(sheet.hidden);
    else if (message.do === "goto") root.dispatchEvent(new CustomEvent("obi-goto"));
    else model.send(message);
  }

  // Offer a key to the charts: who has a moment pinned takes it, and prevents the default.
  function offered(root, { key, shiftKey }) {
    const detail = { key, shiftKey };
    return !root.dispatchEvent(new CustomEvent("obi-key", { cancelable: true, detail }));
  }

  // Of other keys, JupyterLab's shortcuts are not for what has the focus in here: "d d" would
  // delete the cell. Those with Ctrl, such as saving, are.
  function keep(event) {
    if (!event.ctrlKey && !event.metaKey && !event.altKey) event.stopPropagation();
  }

  window.addEventListener("keydown", press, true);
  let root = null;
  const found = requestAnimationFrame(() => {
    root = around();
    root.addEventListener("keydown", keep);
  });
  return () => {
    window.removeEventListener("keydown", press, true);
    cancelAnimationFrame(found);
    root?.removeEventListener("keydown", keep);
  };
}
