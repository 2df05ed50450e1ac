// The mean a trade by threshold and hold. A button chooses the part of the record that it is of,
// and clicking a cell takes its settings.
function surface(parent, take) {
  const { box, title: head, svg, note } = figure(parent, "surface", HIGH);
  head.classList.add("obi-titled");
  const title = make("span", "", head);
  const choice = make("span", "obi-windows obi-parts", head);
  choice.setAttribute("role", "group");
  choice.setAttribute("aria-label", "Part of the data that the map shows");
  const legend = make("div", "obi-legend", box);
  box.insertBefore(legend, note);
  const [loses, makes] = ["loses", "makes"].map((name) => make("span", `obi-${name}`, legend));
  const [where, use] = ["where", "use"].map((name) => make("span", `obi-${name}`, note));
  svg.setAttribute("role", "group");
  const advice = make("div", "obi-note obi-proposal", box);
  const sentence = make("span", "", advice);
  const takeIt = make("button", "obi-button", advice, "Use it");
  takeIt.title = "Set the proposed threshold and hold";
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
    use.textContent = own ? "" : "Click to use these settings";
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
    [choice, legend, use].forEach((part) => {
      part.hidden = data === null;
    });
    svg.style.visibility = data === null ? "hidden" : "";
    if (data === null) {
      title.textContent = "Gross bps per trade";
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
