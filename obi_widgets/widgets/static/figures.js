// Charts of the calibration sheet: lines by horizon, and bars by decile. Places come ready, each a
// fraction of the plot's width or height.

const SVG = "http://www.w3.org/2000/svg";
const HIGH = 196; // px of the upper charts
const EDGE = 12; // px between a chart's plot and its first and last points

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
    const last = data.cost_last; // where the line of returns is farther away
    label(plot, last ? right - 4 : 4, at - 8, "cost", { "text-anchor": last ? "end" : "start" });
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
