// What the entries came to.

function render({ model, el }) {
  const head = document.createElement("div");
  head.className = "obi-head";
  const table = document.createElement("div");
  table.className = "obi-results";
  const note = document.createElement("div");
  note.className = "obi-note";
  el.append(head, table, note);
  const rows = [];

  function update() {
    const state = model.get("state");
    head.textContent = state.head;
    state.rows.forEach(([what, value, tone], index) => {
      rows[index] ??= ["what", "result"].map((name) => {
        const node = document.createElement("span");
        node.className = `obi-${name}`;
        table.append(node);
        return node;
      });
      const [label, result] = rows[index];
      label.textContent = what;
      result.textContent = value;
      result.dataset.tone = tone;
    });
    note.textContent = state.note;
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
