// The same signal of several markets on one chart, by the time of receipt, and how far apart they are.

const HEIGHT = 216; // px, as in board.css
const PLOT = [8, 150]; // top and bottom of the signals
const STRIP = [164, 204]; // and of the divergence
const LABELS = 168; // width of what stands at the right
const ROW = 15; // height of a label
const SAMPLE = 26; // of a line, before its label

// Lines differ by their dashes and strength: blue and orange mean up and down.
const STYLES = [
  [[], 1.6, "ink"], [[], 1.2, "faint"], [[7, 3], 1.4, "ink"], [[2, 3], 1.6, "ink"],
  [[7, 3], 1.4, "label"], [[8, 3, 2, 3], 1.4, "ink"],
];

function render({ model, el }) {
  standAlone(el);
  const head = make("div", "obi-head", el);
  const canvas = make("canvas", "obi-compared", el);
  canvas.setAttribute("role", "img");
  const context = canvas.getContext("2d");
  const question = make("button", "obi-button", el, "Which leads?");
  question.title = "Look which of these markets leads, pair by pair, by what has arrived here so far";
  question.onclick = () => model.send({ do: "leads" });
  const leads = make("div", "obi-leads", el);
  leads.setAttribute("role", "status");
  const paint = painter(draw);
  const { color, font, stop: forget } = palette(el, paint.ask);

  function stroke(line, x, y, [dash, width, tone]) {
    context.beginPath();
    line.forEach((value, at) => {
      if (!Number.isFinite(value)) return;
      if (at && Number.isFinite(line[at - 1])) context.lineTo(x(at), y(value));
      else context.moveTo(x(at), y(value));
    });
    context.setLineDash(dash);
    context.lineWidth = width;
    context.strokeStyle = color(tone);
    context.stroke();
    context.setLineDash([]);
  }

  function rule(y, right, dash) {
    context.beginPath();
    context.setLineDash(dash);
    context.lineWidth = 1;
    context.strokeStyle = color(dash.length ? "label" : "grid");
    context.moveTo(0, Math.round(y) + 0.5);
    context.lineTo(right, Math.round(y) + 0.5);
    context.stroke();
    context.setLineDash([]);
  }

  // Labels at the newest values, from top to bottom, none on another.
  function spread(wanted) {
    const order = wanted.map((_, at) => at).sort((a, b) => wanted[a] - wanted[b]);
    const placed = [];
    let least = PLOT[0] + 4;
    for (const at of order) {
      placed[at] = least = Math.max(wanted[at], least);
      least += ROW;
    }
    const over = least - ROW - (STRIP[0] - 12);
    return placed.map((y) => (over > 0 ? y - over : y));
  }

  let width = 0; // as it was measured: while a front end changes its theme, it is 0 for a moment

  function draw() {
    const [lines, apart, now] = [model.get("lines"), model.get("apart"), model.get("state")];
    if (!lines || !width) return;
    sized(canvas, context, { width, height: HEIGHT });
    const right = Math.max(width - LABELS, 60);
    const [low, high] = now.scale;
    const x = (at) => ((at + 0.5) / lines[0].length) * right;
    const y = (value) => PLOT[1] - ((value - low) / (high - low)) * (PLOT[1] - PLOT[0]);
    context.font = font();
    context.textBaseline = "middle";
    rule(y(0), right, []);
    for (const one of now.threshold === null ? [] : [now.threshold, -now.threshold]) {
      if (one <= high && one >= low) rule(y(one), right, [3, 3]);
    }
    lines.forEach((line, at) => stroke(line, x, y, STYLES[at]));
    const newest = lines.map((line) => line.findLast(Number.isFinite) ?? 0);
    spread(newest.map(y)).forEach((top, at) => {
      stroke([0, 0], (end) => right + 6 + end * SAMPLE, () => top, STYLES[at]);
      context.fillStyle = color("ink");
      context.fillText(`${now.names[at]} ${now.values[at]}`, right + 12 + SAMPLE, top, LABELS - 14 - SAMPLE);
    });
    const most = high - low;
    const down = (value) => STRIP[1] - (Math.min(value / most, 1)) * (STRIP[1] - STRIP[0]);
    context.fillStyle = color("track");
    apart.forEach((value, at) => {
      if (Number.isFinite(value)) context.fillRect(x(at) - 0.5 * right / apart.length, down(value), right / apart.length + 0.4, STRIP[1] - down(value));
    });
    rule(STRIP[1], right, []);
    context.fillStyle = color("ink");
    context.fillText(`apart ${now.apart}`, right + 6, (STRIP[0] + STRIP[1]) / 2, LABELS - 8);
  }

  // What the lines say where the mouse is, in place of the head.
  let share = null;
  function read() {
    const [lines, apart, now] = [model.get("lines"), model.get("apart"), model.get("state")];
    if (share === null || !lines) return now.said;
    const at = Math.min(Math.max(Math.floor(share * apart.length), 0), apart.length - 1);
    const time = new Date(now.end - (apart.length - 1 - at) * now.column).toISOString().slice(11, 19);
    const text = (value) => (Number.isFinite(value) ? value.toFixed(now.decimals).replace("-", "−") : "–");
    const parts = lines.map((line, number) => `${now.names[number]} ${text(line[at])}`);
    return `${time} UTC: ${parts.join(" · ")} · apart ${text(apart[at])}`;
  }

  canvas.onpointermove = (event) => {
    share = event.offsetX / Math.max(width - LABELS, 60);
    set(head, read());
  };
  canvas.onpointerleave = () => {
    share = null;
    set(head, read());
  };

  function update() {
    const now = model.get("state");
    set(head, read());
    canvas.setAttribute("aria-label", now.described);
    tell(now.leads);
    paint.ask();
  }

  let told = "";
  function tell({ looking, head: about, sentences }) {
    question.disabled = looking;
    const texts = looking ? ["Comparing all pairs …"] : [...sentences, about].filter(Boolean);
    if (told === texts.join("\n")) return; // it is read aloud each time that it is set
    told = texts.join("\n");
    leads.replaceChildren();
    texts.forEach((text, at) => make("div", !looking && at === sentences.length ? "obi-note" : "", leads, text));
  }

  const observer = new ResizeObserver(() => {
    width = el.clientWidth;
    paint.ask();
  });
  observer.observe(el);
  model.on("change:state", update);
  for (const name of ["lines", "apart"]) model.on(`change:${name}`, paint.ask);
  update();
  return () => {
    observer.disconnect();
    model.off("change:state", update);
    for (const name of ["lines", "apart"]) model.off(`change:${name}`, paint.ask);
    paint.stop();
    forget();
  };
}

export default { render };
