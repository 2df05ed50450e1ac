// Undo, redo, reset and presets of the settings.

const UNDO = "M7 4 L3 8 L7 12 M3 8 H10 A4 4 0 0 1 10 16 H8";
const REDO = "M13 4 L17 8 L13 12 M17 8 H10 A4 4 0 0 0 10 16 H12";

function render({ model, el }) {
  const head = make("div", "obi-choices", el);
  make("span", "obi-label", head, "Signal and entries");
  const undo = icon(head, UNDO, "Undo", "Undo the last change of a setting (u)");
  const redo = icon(head, REDO, "Redo", "Make the change again that was undone (Shift Ctrl Z)");
  const reset = make("button", "obi-button", head, "Reset");
  reset.title = "Set everything but the signal to its default. It can be undone";
  for (const [button, what] of [[undo, "undo"], [redo, "redo"], [reset, "reset"]]) {
    button.onclick = () => model.send({ do: what });
  }

  const row = make("div", "obi-presets", el);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Presets");
  const note = make("div", "obi-note", el);
  note.setAttribute("aria-live", "polite");
  const panel = make("form", "obi-own", el);
  panel.hidden = true;
  const list = make("div", "obi-own-list", panel);
  const field = make("input", "obi-path", panel);
  field.setAttribute("aria-label", "Name of a new preset");
  field.placeholder = "name";
  field.maxLength = 40;
  make("button", "obi-button", panel, "Save").type = "submit";
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") open(false);
  });
  panel.onsubmit = (event) => {
    event.preventDefault();
    if (field.value.trim()) model.send({ do: "save", name: field.value });
    field.value = "";
  };

  let buttons = [];
  let own = null;

  function open(shown) {
    panel.hidden = !shown;
    own.setAttribute("aria-expanded", String(shown));
    if (shown) field.focus({ preventScroll: true });
    else own.focus({ preventScroll: true });
  }

  function build(presets) {
    row.replaceChildren();
    buttons = presets.map(([name, words]) => {
      const button = make("button", "obi-window", row, name);
      button.onclick = () => model.send({ do: "apply", name });
      // Its words stand below while it is pointed at.
      const say = () => set(note, words);
      const back = () => set(note, model.get("state").note);
      button.onpointerenter = button.onfocus = say;
      button.onpointerleave = button.onblur = back;
      button.setAttribute("aria-description", words);
      return button;
    });
    own = make("button", "obi-window", row, "own");
    own.title = "Your own presets of this signal: choose, save, delete";
    own.setAttribute("aria-expanded", "false");
    own.onclick = () => open(panel.hidden);
  }

  function offer(names, chosen) {
    list.replaceChildren();
    for (const name of names) {
      const item = make("span", "obi-own-item", list);
      const apply = make("button", "obi-window", item, name);
      apply.type = "button";
      apply.setAttribute("aria-pressed", String(name === chosen));
      apply.onclick = () => model.send({ do: "apply", name });
      const remove = make("button", "obi-window", item, "×");
      remove.type = "button";
      remove.setAttribute("aria-label", `Delete the preset ${name}`);
      remove.title = "Delete";
      remove.onclick = () => model.send({ do: "remove", name });
    }
  }

  let shown = "";
  let offered = "";

  function update() {
    const now = model.get("state");
    undo.disabled = !now.undo;
    redo.disabled = !now.redo;
    if (JSON.stringify(now.presets) !== shown) {
      shown = JSON.stringify(now.presets);
      build(now.presets);
    }
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(now.presets[index][0] === now.chosen));
    });
    const mine = !now.presets.some(([name]) => name === now.chosen);
    own.setAttribute("aria-pressed", String(mine));
    set(note, now.note);
    if (JSON.stringify([now.own, now.chosen]) !== offered) {
      offered = JSON.stringify([now.own, now.chosen]);
      offer(now.own, now.chosen);
    }
  }

  model.on("change:state", update);
  update();
  let unname = () => {};
  const found = requestAnimationFrame(() => {
    const part = el.closest(".obi-part-settings");
    if (part) unname = nameControls(part);
  });
  return () => {
    cancelAnimationFrame(found);
    unname();
    model.off("change:state", update);
  };
}

export default { render };
