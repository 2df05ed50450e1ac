// The list of entries in view. A click goes to the entry.

const COLUMNS = [
  // What stands there, and the orders that its head chooses: first, and when pressed again.
  ["side", []],
  ["in", ["newest", "oldest"]],
  ["price", []],
  ["out", []],
  ["price", []],
  ["left", []],
  ["gross", []],
  ["net, bps", ["worst", "best"]],
];

const SAID = {
  newest: "newest first", oldest: "oldest first", worst: "worst first", best: "best first",
};

function render({ model, el }) {
  standAlone(el);
  const head = make("div", "obi-list-head", el);
  const frame = make("div", "obi-list", el);
  const table = make("table", "obi-entries", frame);
  const titles = make("tr", "", make("thead", "", table));
  const body = make("tbody", "", table);
  const sorters = [];
  for (const [title, orders] of COLUMNS) {
    const cell = make("th", "", titles, orders.length ? "" : title);
    cell.scope = "col";
    if (!orders.length) continue;
    const button = make("button", "obi-sorter", cell);
    button.onclick = () => {
      const order = model.get("state").order === orders[0] ? orders[1] : orders[0];
      model.send({ do: "order", order });
    };
    sorters.push({ button, cell, title, orders });
  }

  function go(row) {
    model.send({ do: "go", row: Number(row.dataset.row) });
  }

  body.onclick = (event) => {
    const row = event.target.closest("tr");
    if (row) go(row);
  };
  body.onkeydown = (event) => {
    const row = event.target.closest("tr");
    const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (next) row[next]?.focus();
    else if (event.key === "Escape") model.send({ do: "cursor", time: null });
    else if (event.key === "Enter" || event.key === " ") go(row);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  function update() {
    const { rows, order, said, chosen } = model.get("state");
    set(head, said);
    frame.hidden = !rows.length;
    for (const { button, cell, title, orders } of sorters) {
      const at = orders.indexOf(order);
      set(button, at < 0 ? title : `${title} ${["newest", "best"].includes(order) ? "↓" : "↑"}`);
      button.title = `Sort: ${SAID[orders[at === 0 ? 1 : 0]]}`;
      const up = order === "oldest" || order === "worst";
      cell.ariaSort = at < 0 ? "none" : up ? "ascending" : "descending";
    }
    while (body.children.length > rows.length) body.lastChild.remove();
    rows.forEach(([number, side, ...texts], index) => {
      let row = body.children[index];
      if (!row) {
        row = make("tr", "", body);
        COLUMNS.forEach(() => make("td", "", row));
        row.tabIndex = 0;
      }
      row.dataset.row = number;
      row.dataset.chosen = number === chosen;
      row.title = "Show it in the chart";
      const tone = texts.pop();
      [side === "bid" ? "▲ long" : "▼ short", ...texts].forEach((text, at) => set(row.children[at], text));
      row.firstChild.dataset.side = side;
      row.lastChild.dataset.tone = tone;
    });
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
