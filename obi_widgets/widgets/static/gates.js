// A checkbox for each gate. What a gate does is said where its name is pointed at.

function render({ model, el }) {
  const row = make("div", "obi-gates", el);
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Gates");
  const boxes = new Map(); // by name

  function press() {
    const on = [...boxes].filter(([, box]) => box.checked).map(([name]) => name);
    model.set("on", on);
    model.save_changes();
  }

  function offer() {
    const focused = [...boxes].find(([, box]) => box.matches(":focus"))?.[0];
    row.replaceChildren();
    boxes.clear();
    for (const [name, title, says] of model.get("offered")) {
      const label = make("label", "obi-gate", row);
      label.title = says;
      const box = make("input", "", label);
      box.type = "checkbox";
      box.setAttribute("aria-description", says);
      box.onchange = press;
      make("span", "", label, title);
      boxes.set(name, box);
    }
    boxes.get(focused)?.focus({ preventScroll: true });
    show();
  }

  function show() {
    const on = model.get("on");
    for (const [name, box] of boxes) box.checked = on.includes(name);
  }

  model.on("change:offered", offer);
  model.on("change:on", show);
  offer();
  return () => {
    model.off("change:offered", offer);
    model.off("change:on", show);
  };
}

export default { render };
