// What rides on a chart: its title, the labels of the value axis, and the last value among them.

const LINE_HEIGHT = 15; // px: labels that are nearer to each other overlap

function render({ model, el }) {
  const [title, empty, line, label] = ["title", "nothing", "line", "last"].map((name) => {
    const node = document.createElement("div");
    node.className = `obi-${name}`;
    el.append(node);
    return node;
  });

  const ticks = [];

  // A share of the plot's height, 0 at the top, as a place in the overlay.
  function place(node, at) {
    const { top, bottom } = model.get("margin");
    node.style.top = `calc(${top}px + (100% - ${top + bottom}px) * ${at})`;
  }

  function labelAxis(state, { top, right, bottom }) {
    const height = el.clientHeight - top - bottom;
    state.ticks.forEach(([at, text], index) => {
      ticks[index] ??= el.insertBefore(document.createElement("div"), label);
      const tick = ticks[index];
      tick.className = "obi-tick";
      tick.textContent = text;
      tick.style.minWidth = `${right - 6}px`;
      // Labels under the last value give way.
      tick.hidden = state.at !== null && Math.abs(at - state.at) * height < LINE_HEIGHT;
      place(tick, at);
    });
    ticks.slice(state.ticks.length).forEach((tick) => {
      tick.hidden = true;
    });
  }

  function update() {
    const state = model.get("state");
    const margin = model.get("margin");
    const { right, left } = margin;
    title.textContent = state.title;
    title.style.left = `${left + 6}px`;
    empty.textContent = state.nothing;
    const hidden = state.at === null;
    line.hidden = hidden || !state.line;
    label.hidden = hidden;
    place(line, state.at);
    place(label, state.at);
    line.style.left = `${left}px`;
    line.style.right = `${right}px`;
    label.style.minWidth = `${right - 2}px`;
    labelAxis(state, margin);
    label.textContent = state.last;
    label.dataset.side = state.side;
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
