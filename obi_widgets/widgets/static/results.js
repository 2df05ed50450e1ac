// What the entries came to: of the present settings alone, or of A, the present ones, against B.

function render({ model, el }) {
  const head = make("div", "obi-head", el);
  const sides = make("div", "obi-sides", el);
  sides.setAttribute("role", "group");
  sides.setAttribute("aria-label", "Two settings that are compared");
  const present = make("button", "obi-window", sides);
  make("strong", "", present, "A");
  make("span", "", present, " now");
  present.setAttribute("aria-pressed", "true");
  present.title = "A: the present settings. Click to keep them as B";
  present.onclick = () => model.send({ do: "keep" });
  const other = make("button", "obi-window obi-b", sides);
  make("strong", "", other, "B");
  const name = make("span", "", other);
  other.setAttribute("aria-pressed", "false");
  other.onclick = () => model.send({ do: model.get("state").other ? "swap" : "keep" });
  const end = make("button", "obi-window", sides, "×");
  end.title = "Compare no longer";
  end.setAttribute("aria-label", end.title);
  end.onclick = () => model.send({ do: "alone" });

  const table = make("div", "obi-results", el);
  table.setAttribute("role", "table");
  table.setAttribute("aria-label", "Results of the entries");
  const note = make("div", "obi-note", el);
  note.setAttribute("role", "status");
  const rows = [];

  function add() {
    const row = make("div", "obi-result-row", table);
    row.setAttribute("role", "row");
    return ["what", "result", "of-b"].map((what, index) => {
      const node = make("span", `obi-${what}`, row);
      node.setAttribute("role", index ? "cell" : "rowheader");
      return node;
    });
  }

  function update() {
    const state = model.get("state");
    const both = Boolean(state.other);
    set(head, state.head);
    sides.hidden = !state.can;
    end.hidden = !both;
    set(name, ` ${state.other || "keep these"}`);
    other.title = both
      ? `B: ${state.other}. Click to make these the settings, and keep the present ones as B`
      : "Keep these settings as B, to compare those that you choose next with them";
    table.classList.toggle("obi-both", both);
    state.rows.forEach(([what, a, tone, b = ""], index) => {
      rows[index] ??= add();
      const [label, result, second] = rows[index];
      label.parentElement.hidden = false;
      set(label, what);
      set(result, a);
      result.dataset.tone = tone;
      set(second, b);
      second.hidden = !both;
    });
    rows.slice(state.rows.length).forEach(([label]) => {
      label.parentElement.hidden = true;
    });
    set(note, state.note);
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
