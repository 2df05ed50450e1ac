// Signals side by side: a table of figures over whiskers, the curves of two signals, and correlations.
// Texts come ready, and places as fractions of a cell or a chart. What is judged, and which two
// curves are drawn, the page changes by itself: it needs no kernel.

const CURVES = 214; // px
const KINDS = ["first", "second"]; // drawn ink and whole, and grey and dashed

function percent(place) {
  return `${100 * place}%`;
}

// A figure over its whisker.
function figured(cell, of, zero) {
  cell.dataset.pale = of.pale;
  cell.dataset.told = of.told;
  const line = make("div", "obi-side-figure", cell);
  make("span", "obi-side-value", line, of.text);
  if (of.half) make("span", "obi-side-half", line, of.half);
  if (of.at === null) return;
  const drawn = make("div", "obi-side-whisker", cell);
  drawn.setAttribute("aria-hidden", "true");
  make("i", "obi-side-zero", drawn).style.left = percent(zero);
  if (of.low !== null && of.high !== null) {
    const range = make("i", "obi-side-range", drawn);
    range.style.left = percent(of.low);
    range.style.width = percent(of.high - of.low);
  }
  make("i", "obi-side-dot", drawn).style.left = percent(of.at);
}

function texts(cell, [first, second]) {
  make("div", "obi-side-text", cell, first);
  make("div", "obi-side-under", cell, second);
}

// The sample of a curve on a button.
function sample(svg, kind, x, y) {
  const half = 4;
  if (kind === "first") draw("circle", svg, { class: "obi-side-mark obi-first-curve", cx: x, cy: y, r: half });
  else {
    draw("rect", svg, {
      class: "obi-side-mark obi-second-curve", x: x - half, y: y - half, width: 2 * half, height: 2 * half,
    });
  }
}

function legend(svg, kind) {
  svg.setAttribute("viewBox", "0 0 26 12");
  svg.setAttribute("aria-hidden", "true");
  draw("line", svg, { class: `obi-side-line obi-${kind}-curve`, x1: 1, x2: 25, y1: 6, y2: 6 });
  sample(svg, kind, 13, 6);
}

function drawCurves(chart, data, chosen, judged) {
  const { width, height } = begin(chart, data);
  if (!width || !data.x.length) return;
  const right = width - 40;
  const bottom = height - 22;
  const x = data.x.map((share) => EDGE + share * (right - 2 * EDGE));
  const y = (place) => 6 + place * (bottom - 6);
  const { svg } = chart;
  if (data.few !== null) {
    const id = `obi-hatch-${Math.random().toString(36).slice(2)}`;
    const hatch = draw("pattern", svg, {
      id, width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
    });
    draw("line", hatch, { class: "obi-side-hatch", x1: 0, x2: 0, y1: 0, y2: 6 });
    const from = data.few ? (x[data.few - 1] + x[data.few]) / 2 : 0;
    draw("rect", svg, { x: from, y: 0, width: right - from, height: bottom, fill: `url(#${id})` });
  }
  data.ticks.forEach(([place, text]) => {
    const zero = text === "0" ? " obi-zero" : "";
    draw("line", svg, { class: `obi-rule${zero}`, x1: 0, x2: right, y1: y(place), y2: y(place) });
    label(svg, width, y(place), text, { "text-anchor": "end" });
  });
  chosen.forEach((at, order) => {
    const line = data.lines[at];
    const kind = KINDS[order];
    const point = (row) => runs(row.map((place, i) => (place === null ? null : [x[i], y(place)])));
    if (kind === "first") {
      const both = line.low.map((low, i) =>
        low === null || line.high[i] === null ? null : [x[i], y(low), y(line.high[i])],
      );
      runs(both).forEach((run) => {
        const up = run.map(([a, , c]) => [a, c]);
        const down = run.map(([a, b]) => [a, b]).reverse();
        draw("polygon", svg, { class: "obi-band", points: [...up, ...down].join(" ") });
      });
    } else {
      [line.low, line.high].forEach((row) =>
        point(row).forEach((run) => draw("polyline", svg, { class: "obi-naive", points: run.join(" ") })),
      );
    }
    point(line.mean).forEach((run) =>
      draw("polyline", svg, { class: `obi-side-line obi-${kind}-curve`, points: run.join(" ") }),
    );
    line.mean.forEach((place, i) => {
      if (place === null) return;
      sample(svg, kind, x[i], y(place));
      draw("title", svg.lastChild, {}, line.tips[i]);
    });
  });
  data.labels.forEach((text, i) => {
    const style = i === judged ? { class: "obi-mark obi-judged" } : {};
    label(svg, x[i], height - 8, text, style);
  });
  label(svg, width, height - 8, "s", { "text-anchor": "end" });
}

// The correlations, the lower half.
function drawMatrix(parent, data) {
  parent.replaceChildren();
  parent.hidden = !data;
  if (!data) return;
  make("div", "obi-head", parent, data.title);
  const table = make("table", "obi-side-matrix", parent);
  data.cells.forEach((cells, row) => {
    const line = make("tr", "", table);
    make("th", "obi-side-number", line, data.numbers[row]);
    make("th", "obi-side-name", line, data.short[row]).title = data.names[row];
    cells.forEach(({ text, share, framed }) => {
      const cell = make("td", framed ? "obi-side-framed" : "", line, text);
      const side = share < 0 ? "ask" : "bid";
      const part = Math.round(55 * Math.abs(share));
      cell.style.background = `color-mix(in srgb, var(--obi-${side}) ${part}%, transparent)`;
    });
    make("td", "obi-side-diagonal", line, data.numbers[row]);
  });
}

// How much a column of a horizon matters where there is little room: next to the judged one is one
// that stays longer.
function weight(columns, at, judged) {
  if (at === judged) return "obi-side-judged";
  const here = columns.indexOf(judged);
  const near = columns[here + 1] ?? columns[here - 1];
  return at === near ? "obi-side-lesser" : "obi-side-lesser obi-side-least";
}

function render({ model, el }) {
  standAlone(el);
  const sheet = make("div", "obi-abreast", el);
  let judged = model.get("state").judged;
  let chosen = [...model.get("state").curves.chosen];

  const top = make("div", "obi-verdict", sheet);
  const word = make("span", "obi-word", top);
  const reason = make("span", "obi-reason", top);
  const of = make("span", "obi-of obi-span", top);
  const left = make("div", "obi-abreast-left", sheet);
  const head = make("div", "obi-abreast-head", left);
  make("b", "obi-abreast-title", head, "Signals side by side on one tape");
  const choice = make("span", "obi-abreast-choice", head);
  make("span", "obi-side-label", choice, "judged at");
  const buttons = make("span", "obi-abreast-buttons", choice);
  buttons.setAttribute("role", "group");
  buttons.setAttribute("aria-label", "Horizon that is judged");
  const looks = make("span", "obi-side-label", head);
  const table = make("table", "obi-abreast-table", make("div", "obi-abreast-scrolls", left));
  const notes = make("div", "obi-abreast-notes", left);
  const right = make("div", "obi-abreast-right", sheet);
  const chart = figure(right, "curves", CURVES);
  const names = make("div", "obi-abreast-legend", chart.box);
  chart.svg.before(names);
  const matrix = make("div", "obi-abreast-matrix", right);

  function choose(at) {
    // The older of the two gives way; what is chosen already changes its place.
    chosen = chosen.includes(at) ? [...chosen].reverse() : [...chosen.slice(-1), at];
    update();
  }

  function headed(state, columns) {
    const line = make("tr", "", make("thead", "", table));
    const title = (name, under, kind = "") => {
      const cell = make("th", kind, line);
      cell.scope = "col";
      make("div", "", cell, name);
      make("div", "obi-side-under", cell, under);
    };
    make("td", "obi-side-some", line);
    title("signal", "", "obi-side-of");
    columns.forEach((at) =>
      title(state.horizons[at], state.spans[at], weight(columns, at, judged)),
    );
    title("half-life", "of its IC", "obi-side-more");
    title("AUC", state.moves, "obi-side-some");
    title("on", "of time", "obi-side-more");
    if (!state.alone) title(`adds at ${state.horizons[judged]}`, "partial IC", "obi-side-some");
    title("verdict", `at ${state.horizons[judged]}`);
  }

  function rowed(state, columns, body) {
    state.rows.forEach((row, at) => {
      const line = make("tr", "", body);
      const pick = make("button", "obi-side-pick", make("td", "obi-side-some", line));
      const order = chosen.indexOf(at);
      pick.setAttribute("aria-pressed", order >= 0);
      pick.setAttribute("aria-label", `Draw the curve of ${row.name}`);
      pick.title = "Draw its curve";
      pick.disabled = !row.used;
      if (order >= 0) legend(draw("svg", pick, { width: 26, height: 12 }), KINDS[order]);
      pick.onclick = () => {
        choose(at);
        table.querySelectorAll(".obi-side-pick")[at].focus();
      };
      const name = make("th", "obi-side-of", line);
      name.scope = "row";
      name.title = row.tip;
      make("span", "obi-side-number", name, row.number);
      const words = make("div", "", name);
      make("div", "obi-side-text", words, row.name);
      make("div", "obi-side-under", words, row.about);
      const { ic, auc, adds } = state.scales;
      columns.forEach((index) => {
        figured(make("td", weight(columns, index, judged), line), row.ic[index], ic.zero);
      });
      texts(make("td", "obi-side-more", line), row.half);
      figured(make("td", "obi-side-some", line), row.auc, auc.zero);
      texts(make("td", "obi-side-more", line), row.on);
      if (!state.alone) figured(make("td", "obi-side-some", line), row.adds[judged], adds.zero);
      const [sign, verdict, why] = row.verdict[judged];
      const cell = make("td", "obi-side-verdict", line);
      cell.dataset.adds = sign === "✓";
      texts(cell, [`${sign} ${verdict}`, why]);
    });
  }

  function scaled(state, columns, body) {
    const line = make("tr", "obi-side-scales", body);
    make("td", "obi-side-some", line);
    make("td", "obi-side-of", line, "one scale a column");
    const scale = ({ ticks }, kind = "") => {
      const drawn = make("div", "obi-side-scale", make("td", kind, line));
      ticks.forEach(([place, text]) => {
        make("span", "", drawn, text).style.left = percent(place);
      });
    };
    const { ic, auc, adds } = state.scales;
    columns.forEach((at) => scale(ic, weight(columns, at, judged)));
    make("td", "obi-side-more", line);
    scale(auc, "obi-side-some");
    make("td", "obi-side-more", line);
    if (!state.alone) scale(adds, "obi-side-some");
    make("td", "", line);
  }

  function update() {
    const state = model.get("state");
    const said = state.verdicts[judged];
    word.textContent = said.word;
    reason.textContent = said.text;
    of.replaceChildren();
    make("div", "", of, state.market);
    make("div", "", of, state.span);
    looks.textContent = state.looks;
    buttons.replaceChildren();
    state.horizons.forEach((text, at) => {
      const button = make("button", "obi-window", buttons, text);
      button.setAttribute("aria-pressed", at === judged);
      button.onclick = () => {
        judged = at;
        update();
        buttons.children[at].focus();
      };
    });
    table.replaceChildren();
    const columns = state.columns[judged];
    headed(state, columns);
    const body = make("tbody", "", table);
    rowed(state, columns, body);
    scaled(state, columns, body);
    notes.replaceChildren();
    state.notes.forEach(([first, rest]) => {
      const note = make("div", "", notes);
      if (first) make("b", "", note, first);
      make("div", "", note, rest);
    });
    names.replaceChildren();
    chosen.forEach((at, order) => {
      const one = make("span", "", names);
      legend(draw("svg", one, { width: 26, height: 12 }), KINDS[order]);
      make("span", "", one, state.rows[at].name);
    });
    drawMatrix(matrix, state.matrix);
    drawCurves(chart, state.curves, chosen, judged);
  }

  let width = 0;
  const observer = new ResizeObserver(() => {
    if (chart.svg.clientWidth === width) return;
    width = chart.svg.clientWidth;
    drawCurves(chart, model.get("state").curves, chosen, judged);
  });
  observer.observe(chart.box);
  update();
  return () => observer.disconnect();
}

export default { render };
