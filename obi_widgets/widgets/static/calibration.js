// The calibration sheet: verdict, charts, table, and how far to trust them. Texts come ready.

const LOW = 168; // px of the lower chart

function table(parent) {
  const node = make("table", "obi-table", parent);
  const head = make("tr", "", make("thead", "", node));
  const body = make("tbody", "", node);
  return (columns, rows, judged) => {
    if (head.children.length !== columns.length) {
      head.replaceChildren();
      columns.forEach(([name, tip]) => {
        make("th", "", head, name).title = tip;
      });
    }
    body.replaceChildren();
    rows.forEach((texts, index) => {
      const row = make("tr", index === judged ? "obi-judged" : "", body);
      texts.forEach((text) => make("td", "", row, text));
    });
  };
}

function render({ model, el }) {
  standAlone(el);
  const message = make("div", "obi-waiting", el);
  message.setAttribute("role", "status");
  const words = make("span", "", message);
  const sheet = make("div", "obi-sheet", el);
  const top = make("div", "obi-verdict", sheet);
  const word = make("span", "obi-word", top);
  const reason = make("span", "obi-reason", top);
  const of = make("span", "obi-of", top);
  const span = make("span", "obi-span", of);
  // Beside the span, and beside what says that there is nothing in it.
  const every = [of, message].map((parent) => {
    const all = make("button", "obi-button obi-all", parent, "Use all");
    all.title = "Use all data again, not only the part that was selected on the chart";
    all.onclick = () => model.send({ do: "all" });
    return all;
  });

  const returns = figure(sheet, "returns", HIGH);
  const deciles = figure(sheet, "deciles", HIGH);
  const drawSurface = surface(sheet, (threshold, hold_seconds) =>
    model.send({ do: "take", threshold, hold_seconds }),
  );
  const place = make("div", "obi-figures", sheet);
  const fill = table(place);
  const ic = figure(sheet, "ic", LOW);
  const trust = make("div", "obi-trust", sheet);
  make("div", "obi-head", trust, "How reliable it is");
  const list = make("div", "obi-facts", trust);

  function update() {
    const state = model.get("state");
    words.textContent = state.message;
    message.hidden = !state.message;
    every.forEach((all) => {
      all.hidden = !state.selected;
    });
    message.dataset.tone = state.bad ? "bad" : "";
    sheet.hidden = Boolean(state.message);
    if (state.message) return;
    word.textContent = `${state.sign} ${state.word}`;
    word.dataset.tone = state.tone;
    reason.textContent = state.reason;
    span.textContent = state.selected ? `selected: ${state.span}` : state.span;
    fill(state.columns, state.rows, state.judged);
    list.replaceChildren();
    state.trust.forEach(([what, value, tip]) => {
      make("span", "obi-fact", list, what).title = tip;
      make("span", "obi-known", list, value);
    });
    drawAll();
  }

  function drawAll() {
    const state = model.get("state");
    if (state.message) return;
    lines(returns, state.returns);
    bars(deciles, state.deciles);
    drawSurface(state.surface, state.pending, state.proposal);
    lines(ic, state.ic);
  }

  // Also when it is unfolded: what has no width is not drawn.
  let width = 0;
  const observer = new ResizeObserver(() => {
    if (sheet.clientWidth === width) return;
    width = sheet.clientWidth;
    drawAll();
  });
  observer.observe(sheet);
  model.on("change:state", update);
  update();
  return () => {
    observer.disconnect();
    model.off("change:state", update);
  };
}

export default { render };
