// Above the price: what its colours and half discs mean, and a menu of what is drawn. What is chosen
// there goes to the kernel, which draws it in all charts of the session; it changes no result.

const SWITCHES = [
  ["heatmap", "Depth heatmap", "What rested at each price"],
  ["weighted", "× weight of the signal", "Sizes times the signal's weight at their distance from mid"],
  ["bubbles", "Trades", "What takers bought and sold"],
  ["walls", "Large levels", "Outlined, with their age"],
  ["depth", "Depth now", "What rests at each price now, as bars at the right edge"],
  [
    "outcomes", "Outcomes",
    "Solid: price went its way, 10 s after a trade, 5 s after a large level was known, or after its end. " +
      "Dashed: it did not. Faint: not known yet",
  ],
];

const INTENSITIES = [-2, 2]; // powers of 2

const HALF_DISCS = ["M1 7 A4 4 0 0 1 9 7 Z", "M1 3 A4 4 0 0 0 9 3 Z"];

const OUTCOMES = [
  ["paid", `<path class="obi-paid" d="${HALF_DISCS[0]}"/>`],
  ["not", `<path d="${HALF_DISCS[0]}" stroke-dasharray="2 1.5"/>`],
  ["pending", `<path class="obi-pending" d="${HALF_DISCS[0]}"/>`],
];

const ENTRY = [
  ["in", '<path d="M6 2 L10.5 9.5 H1.5 Z" fill="currentColor"/>'],
  ["out", '<circle cx="6" cy="6" r="3.2"/>'],
  ["made", '<path d="M0 6 H12"/>'],
  ["lost", '<path d="M0 6 H12" stroke-dasharray="4 3"/>'],
];

function headOf(model, el, title) {
  const legend = make("div", "obi-meanings", el);
  const traded = make("span", "obi-meaning", legend);
  const sides = ["bid", "ask"].map((side, index) => {
    const icon = make("span", `obi-half-disc obi-${side}`, traded);
    icon.innerHTML = `<svg viewBox="0 0 10 10" aria-hidden="true"><path d="${HALF_DISCS[index]}"/></svg>`;
    return make("span", "", traded);
  });
  const became = make("span", "obi-meaning obi-outcome-legend", legend);
  for (const [text, drawing] of OUTCOMES) {
    const icon = make("span", "", became);
    icon.innerHTML = `<svg viewBox="0 0 10 10" aria-hidden="true">${drawing}</svg>`;
    make("span", "", became, text);
  }
  const rested = make("span", "obi-meaning", legend);
  const [what, low, , high] = ["what", "low", "bar", "high"].map((name) =>
    make("span", `obi-heat-${name}`, rested),
  );

  const entered = make("span", "obi-legend-part obi-entry-legend", legend); // the first without room
  for (const [text, drawing] of ENTRY) {
    const icon = make("span", "", entered);
    icon.innerHTML = `<svg viewBox="0 0 12 12" aria-hidden="true">${drawing}</svg>`;
    make("span", "", entered, text);
  }

  const menu = make("details", "obi-layers", el);
  const opener = make("summary", "obi-button", menu, "Layers");
  opener.title = "What is drawn behind the price";
  const list = make("div", "obi-layers-list", menu);
  const send = (name, value) => model.send({ do: "draw", what: { [name]: value } });
  const boxes = SWITCHES.map(([name, text, tip]) => {
    const row = make("label", "", list);
    const box = make("input", "", row);
    box.type = "checkbox";
    box.onchange = () => send(name, box.checked);
    row.append(text);
    row.title = tip;
    return box;
  });
  const row = make("label", "", list, "Intensity");
  const slider = make("input", "", row);
  const factor = make("span", "", row);
  Object.assign(slider, { type: "range", min: INTENSITIES[0], max: INTENSITIES[1], step: 0.25 });
  slider.oninput = () => send("intensity", 2 ** slider.valueAsNumber);
  row.title = "Draws smaller sizes in stronger colours";
  list.insertBefore(row, list.children[1]);
  // A menu closes when something else is meant.
  const outside = (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  };
  document.addEventListener("pointerdown", outside);
  menu.onkeydown = (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    opener.focus();
  };

  function update() {
    const [told, chosen] = [model.get("legend"), model.get("appearance")];
    legend.hidden = !told;
    menu.hidden = !chosen;
    if (!told || !chosen) return;
    legend.style.right = `${model.get("margin").right + 4}px`;
    traded.hidden = !told.bubbles;
    sides[0].textContent = "bought";
    sides[1].textContent = told.least ? `sold, ${told.least}` : "sold";
    became.hidden = !chosen.outcomes;
    rested.hidden = !told.heat;
    if (told.heat) [what.textContent, low.textContent, high.textContent] = told.heat;
    boxes.forEach((box, index) => {
      box.checked = chosen[SWITCHES[index][0]];
    });
    boxes[1].disabled = slider.disabled = !chosen.heatmap;
    if (document.activeElement !== slider) slider.value = Math.log2(chosen.intensity);
    factor.textContent = `× ${chosen.intensity.toFixed(2)}`;
  }

  // Behind the title. To ask for its size in each frame would lay out the page anew.
  const sized = new ResizeObserver(() => {
    const { left } = model.get("margin");
    legend.style.left = `${left + title.offsetLeft + title.offsetWidth + 8}px`;
  });
  sized.observe(title);
  const names = ["legend", "appearance"];
  for (const name of names) model.on(`change:${name}`, update);
  update();
  return {
    stop() {
      document.removeEventListener("pointerdown", outside);
      sized.disconnect();
      for (const name of names) model.off(`change:${name}`, update);
    },
  };
}
