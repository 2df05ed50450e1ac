// The verdict, and what it rests on. Texts and places come ready; a place is a share of a chart.

const SVG = "http://www.w3.org/2000/svg";
const HIGH = 196; // px of the upper charts
const LOW = 168; // px of the lower one
const EDGE = 12; // px between a chart's plot and its first and last points

function make(tag, className, parent, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text; // never HTML: symbols are a venue's text
  parent.append(node);
  return node;
}

function draw(tag, parent, attributes, text = "") {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text) node.textContent = text;
  parent.append(node);
  return node;
}

function label(parent, x, y, text, attributes = {}) {
  const style = { class: "obi-mark", "text-anchor": "middle", "dominant-baseline": "central" };
  return draw("text", parent, { ...style, x, y, ...attributes }, text);
}

// A figure with a title, a drawing and a line below.
function figure(parent, name, height) {
  const box = make("figure", `obi-figure-${name}`, parent);
  const title = make("figcaption", "obi-head", box);
  const svg = draw("svg", box, { height, width: "100%", role: "img" });
  const note = make("div", "obi-note", box);
  return { box, title, svg, note, height };
}

function begin({ svg, title, note, height }, data) {
  title.textContent = data.title;
  svg.setAttribute("aria-label", data.title);
  if (data.note !== undefined) note.textContent = data.note;
  svg.replaceChildren();
  return { width: svg.clientWidth, height };
}

// Runs of points that are there, as the texts of their coordinates.
function runs(places) {
  const found = [[]];
  for (const place of places) {
    if (place === null) found.push([]);
    else found[found.length - 1].push(place);
  }
  return found.filter((run) => run.length);
}

function lines(chart, data) {
  const { width, height } = begin(chart, data);
  if (!width) return;
  const right = width - 40;
  const bottom = height - 22;
  const x = data.x.map((share) => EDGE + share * (right - 2 * EDGE));
  const y = (place) => 6 + place * (bottom - 6);
  const points = (row) => runs(row.map((place, i) => (place === null ? null : [x[i], y(place)])));

  data.ticks.forEach(([place, text]) => {
    const zero = text === "0" ? " obi-zero" : "";
    draw("line", chart.svg, { class: `obi-rule${zero}`, x1: 0, x2: right, y1: y(place), y2: y(place) });
    label(chart.svg, width, y(place), text, { "text-anchor": "end" });
  });
  // What leaves the plot is cut off by an SVG of its own.
  const plot = draw("svg", chart.svg, { x: 0, y: 0, width: right, height: bottom });
  const [low, high] = data.band;
  const both = low.map((place, i) =>
    place === null || high[i] === null ? null : [x[i], y(place), y(high[i])],
  );
  runs(both).forEach((run) => {
    const up = run.map(([a, , c]) => [a, c]);
    const down = run.map(([a, b]) => [a, b]).reverse();
    draw("polygon", plot, { class: "obi-band", points: [...up, ...down].join(" ") });
  });
  (data.naive ?? []).forEach((row) =>
    points(row).forEach((run) => draw("polyline", plot, { class: "obi-naive", points: run.join(" ") })),
  );
  if (data.cost !== undefined && data.cost !== null) {
    const at = y(data.cost);
    draw("line", plot, { class: "obi-cost", x1: 0, x2: right, y1: at, y2: at });
    label(plot, 4, at - 8, "cost", { "text-anchor": "start" });
  }
  points(data.mean).forEach((run) => {
    draw("polyline", plot, { class: "obi-mean", points: run.join(" ") });
  });
  data.labels.forEach((text, i) => {
    const judged = i === data.judged;
    const style = judged ? { class: "obi-mark obi-judged" } : {};
    label(chart.svg, x[i], height - 8, text, style);
    if (data.mean[i] === null) return;
    const r = judged ? 5 : 3;
    const dot = draw("circle", plot, { class: "obi-dot", cx: x[i], cy: y(data.mean[i]), r });
    draw("title", dot, {}, data.tips[i]);
  });
  label(chart.svg, width, height - 8, "s", { "text-anchor": "end" });
}

function bars(chart, data) {
  const { width, height } = begin(chart, data);
  if (!width) return;
  const bottom = height - 22;
  const y = (place) => 14 + place * (bottom - 28); // labels stand beyond the bars
  const step = width / data.at.length;
  const zero = y(data.zero);
  data.at.forEach((place, i) => {
    const x = (i + 0.5) * step;
    label(chart.svg, x, height - 8, `${i + 1}`);
    if (place === null) return;
    const end = y(place);
    const up = end < zero;
    const bar = draw("rect", chart.svg, {
      class: up ? "obi-up" : "obi-down",
      x: x - 0.38 * step,
      y: Math.min(zero, end),
      width: 0.76 * step,
      height: Math.abs(end - zero),
    });
    draw("title", bar, {}, data.tips[i]);
    label(chart.svg, x, end + (up ? -8 : 8), data.texts[i], { class: "obi-mark obi-small" });
  });
  draw("line", chart.svg, { class: "obi-rule obi-zero", x1: 0, x2: width, y1: zero, y2: zero });
}

function surface(chart, data, readout, legend) {
  chart.box.classList.toggle("obi-waits", data === null || data.stale);
  if (data === null) {
    begin(chart, { title: "Mean a trade before fees: hold × threshold" });
    readout.textContent = "It comes when the compiler is ready.";
    legend.hidden = true;
    return;
  }
  const { width, height } = begin(chart, data);
  if (!width) return;
  const left = 36;
  const bottom = height - 22;
  const wide = (width - left) / data.x.length;
  const high = (bottom - 2) / data.y.length;
  const [column, row] = data.here;
  const say = (i, j) => {
    const own = i === column && j === row;
    readout.textContent = `${own ? "Now: " : ""}${data.tips[i][j]}`;
  };
  const top = (j) => 2 + (data.y.length - 1 - j) * high;
  const own = (is) => (is ? { class: "obi-mark obi-judged" } : {});
  data.y.forEach((text, j) => {
    label(chart.svg, left - 6, top(j) + high / 2, text, { "text-anchor": "end", ...own(j === row) });
  });
  data.x.forEach((text, i) => {
    const x = left + i * wide;
    label(chart.svg, x + wide / 2, height - 8, text, own(i === column));
    data.cells[i].forEach((share, j) => {
      const group = draw("g", chart.svg, { class: "obi-cell", "data-at": `${i} ${j}` });
      const sign = share === null ? "obi-none" : share < 0 ? "obi-down" : "obi-up";
      draw("rect", group, {
        class: sign,
        x: x + 0.5,
        y: top(j) + 0.5,
        width: wide - 1,
        height: high - 1,
        "fill-opacity": share === null ? 0 : 0.06 + 0.94 * Math.abs(share),
      });
      const [cx, cy] = [x + wide / 2, top(j) + high / 2];
      // Colour does not say it alone.
      if (share !== null && share < 0)
        draw("line", group, { class: "obi-minus", x1: cx - 3, x2: cx + 3, y1: cy, y2: cy });
      if (share === null) draw("circle", group, { class: "obi-dot-none", cx, cy, r: 1.2 });
      group.onmouseenter = () => {
        chart.hovered = [i, j];
        say(i, j);
      };
    });
  });
  draw("rect", chart.svg, {
    class: "obi-here",
    x: left + column * wide,
    y: top(row),
    width: wide,
    height: high,
  });
  chart.svg.onmouseleave = () => {
    chart.hovered = null;
    say(column, row);
  };
  say(...(chart.hovered ?? data.here));
  legend.hidden = false;
  const [loses, makes] = legend.children;
  loses.textContent = `− loses, to ${data.legend[0]}`;
  makes.textContent = `+ makes, to ${data.legend[1]}`;
}

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
    all.title = "Look at everything again, not only at the part chosen on the chart";
    all.onclick = () => model.send({ do: "all" });
    return all;
  });

  const returns = figure(sheet, "returns", HIGH);
  const deciles = figure(sheet, "deciles", HIGH);
  const grid = figure(sheet, "surface", HIGH);
  const legend = make("div", "obi-legend", grid.box);
  grid.box.insertBefore(legend, grid.note);
  make("span", "obi-loses", legend);
  make("span", "obi-makes", legend);
  const place = make("div", "obi-figures", sheet);
  const fill = table(place);
  const ic = figure(sheet, "ic", LOW);
  const trust = make("div", "obi-trust", sheet);
  make("div", "obi-head", trust, "How far to trust it");
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
    span.textContent = state.selected ? `chosen: ${state.span}` : state.span;
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
    surface(grid, state.surface, grid.note, legend);
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
