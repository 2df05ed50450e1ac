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

// The mean a trade by threshold and hold. A button chooses the part of the record that it is of,
// and clicking a cell takes its settings.
function surface(parent, take) {
  const { box, title: head, svg, note } = figure(parent, "surface", HIGH);
  head.classList.add("obi-titled");
  const title = make("span", "", head);
  const choice = make("span", "obi-windows obi-parts", head);
  choice.setAttribute("role", "group");
  choice.setAttribute("aria-label", "The part of the record that is shown");
  const legend = make("div", "obi-legend", box);
  box.insertBefore(legend, note);
  const [loses, makes] = ["loses", "makes"].map((name) => make("span", `obi-${name}`, legend));
  const [where, hint] = ["where", "hint"].map((name) => make("span", `obi-${name}`, note));
  svg.setAttribute("role", "group");
  const advice = make("div", "obi-note obi-proposal", box);
  const sentence = make("span", "", advice);
  const takeIt = make("button", "obi-button", advice, "Take it");
  takeIt.title = "Set the threshold and the hold that are proposed";
  let proposal = null;
  takeIt.onclick = () => take(...proposal.take);
  const [axes, field] = [0, 1].map(() => draw("g", svg, {}));
  const here = draw("rect", svg, { class: "obi-here" });

  let data = null;
  let pending = ""; // why there are none yet
  let shown = 0; // the part
  let buttons = [];
  let lines = []; // of the readout, one a part
  let cells = []; // by column and row
  let hovered = null;
  let focused = null;

  const same = ([a, b], [c, d]) => a === c && b === d;
  const choose = ([i, j]) => take(data.values[0][i], data.values[1][j]);

  function offer(parts) {
    if (buttons.length === parts.length) return;
    buttons = parts.map(({ name, about }, index) => {
      const button = make("button", "obi-window", choice, name);
      button.title = about;
      button.onclick = () => {
        shown = index;
        update();
      };
      return button;
    });
    lines = parts.map(({ name }) => {
      const line = make("span", "obi-line-part", note);
      make("span", "", line, name);
      return make("span", "", line);
    });
  }

  // Cells stay the same nodes while data stream: one may have the focus, or be half clicked.
  function lay(columns, rows) {
    if (cells.length === columns && cells[0].length === rows) return;
    hovered = focused = null;
    field.replaceChildren();
    cells = Array.from({ length: columns }, (_, i) =>
      Array.from({ length: rows }, (__, j) => {
        const group = draw("g", field, { class: "obi-cell", role: "button", "data-at": `${i} ${j}` });
        group.onmouseenter = () => point([i, j], focused);
        group.onfocus = () => point(null, [i, j]); // also with a mouse that rests elsewhere
        group.onblur = () => point(hovered, null);
        group.onmousedown = (event) => event.preventDefault(); // the focus is the keyboard's
        group.onclick = () => choose([i, j]);
        const [rect, minus, dot] = ["rect", "line", "circle"].map((tag) => draw(tag, group, {}));
        dot.setAttribute("class", "obi-dot-none");
        return { group, rect, minus, dot };
      }),
    );
  }

  svg.onmouseleave = () => point(null, focused);
  field.onkeydown = (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const step = steps[event.key];
    if (focused === null || (!step && event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab would go to another cell of the notebook
    if (!step) {
      choose(focused);
      return;
    }
    const [i, j] = focused.map((at, axis) => at + step[axis]);
    cells[i]?.[j]?.group.focus();
  };

  function point(mouse, focus) {
    [hovered, focused] = [mouse, focus];
    say();
  }

  function say() {
    if (data === null) return;
    const [i, j] = hovered ?? focused ?? data.here;
    const own = same([i, j], data.here);
    where.textContent = `${own ? "Now: " : ""}threshold ${data.x[i]}, hold ${data.y[j]}`;
    hint.textContent = own ? "" : "Click to take these settings";
    data.parts.forEach(({ tips }, index) => {
      lines[index].textContent = tips[i][j];
    });
    const stop = focused ?? data.here; // of the cells, the one that the Tab key comes to
    cells.flat().forEach(({ group }) => {
      group.setAttribute("tabindex", group === cells[stop[0]][stop[1]].group ? 0 : -1);
    });
  }

  function paint(width) {
    const left = 36;
    const bottom = HIGH - 22;
    const wide = (width - left) / data.x.length;
    const high = (bottom - 2) / data.y.length;
    const [column, row] = data.here;
    const part = data.parts[shown];
    const top = (j) => 2 + (data.y.length - 1 - j) * high;
    const own = (is) => (is ? { class: "obi-mark obi-judged" } : {});
    const set = (node, attributes) =>
      Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
    axes.replaceChildren();
    data.y.forEach((text, j) => {
      label(axes, left - 6, top(j) + high / 2, text, { "text-anchor": "end", ...own(j === row) });
    });
    data.x.forEach((text, i) => {
      const x = left + i * wide;
      label(axes, x + wide / 2, HIGH - 8, text, own(i === column));
      cells[i].forEach(({ group, rect, minus, dot }, j) => {
        const share = part.cells[i][j];
        const none = share === null;
        const [cx, cy] = [x + wide / 2, top(j) + high / 2];
        set(rect, {
          class: none ? "obi-none" : share < 0 ? "obi-down" : "obi-up",
          x: x + 0.5,
          y: top(j) + 0.5,
          width: wide - 1,
          height: high - 1,
          "fill-opacity": none ? 0 : 0.06 + 0.94 * Math.abs(share),
        });
        // Colour does not say it alone.
        const strong = share < -0.6 ? " obi-strong" : "";
        set(minus, { class: `obi-minus${strong}`, x1: cx - 3, x2: cx + 3, y1: cy, y2: cy });
        set(dot, { cx, cy, r: 1.2 });
        minus.style.display = !none && share < 0 ? "" : "none";
        dot.style.display = none ? "" : "none";
        set(group, {
          "aria-label": `threshold ${text}, hold ${data.y[j]}: ${part.tips[i][j]}`,
          "aria-pressed": same([i, j], data.here),
        });
      });
    });
    set(here, { x: left + column * wide, y: top(row), width: wide, height: high });
  }

  function update() {
    box.classList.toggle("obi-waits", data === null || data.stale);
    [choice, legend, hint].forEach((part) => {
      part.hidden = data === null;
    });
    svg.style.visibility = data === null ? "hidden" : "";
    if (data === null) {
      title.textContent = "Mean a trade, gross bps";
      where.textContent = pending;
      return;
    }
    title.textContent = data.title;
    title.title = data.about;
    svg.setAttribute("aria-label", data.about);
    offer(data.parts);
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(index === shown));
      lines[index].parentNode.classList.toggle("obi-shown", index === shown);
    });
    [loses.textContent, makes.textContent] = data.legend;
    lay(data.x.length, data.y.length);
    if (svg.clientWidth) paint(svg.clientWidth);
    say();
  }

  return (now, why, proposed) => {
    [data, pending, proposal] = [now, why, proposed];
    sentence.textContent = `${proposal.sentence} `;
    advice.hidden = data === null || !proposal.sentence;
    takeIt.hidden = proposal.take === null;
    update();
  };
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
  const drawSurface = surface(sheet, (threshold, hold_seconds) =>
    model.send({ do: "take", threshold, hold_seconds }),
  );
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
