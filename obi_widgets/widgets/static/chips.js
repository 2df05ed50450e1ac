// Several last values on the axis, as of equity, and a summary at the right of the title.

const CHIP_HEIGHT = 18; // px: chips that are nearer to each other are moved apart

const LOWEST = 8; // px above the bottom of the plot: below it are the labels of time

// Returns a function that shows the chips of a state, and gives their places: px from the top of
// the plot, whose height it takes; and how to let go.
function chips(el, title, before, { top, right }) {
  const note = document.createElement("div");
  note.className = "obi-summary";
  note.style.right = `${right + 4}px`;
  el.insertBefore(note, before);
  const nodes = [];

  // The title has the room that the summary leaves: its last parts give way, and all of it where not
  // even the first has room. To ask for sizes in each frame would lay out the page anew.
  const resized = new ResizeObserver(() => {
    const taken = note.textContent ? note.offsetWidth + 10 : 0;
    el.style.setProperty("--taken", `${taken}px`);
    const first = title.firstElementChild?.scrollWidth ?? 0;
    const crowded = el.clientWidth && taken && first > el.clientWidth - right - taken - 16;
    title.style.visibility = crowded ? "hidden" : "";
  });
  for (const node of [el, title, note]) resized.observe(node);

  function show(state, height) {
    inParts(note, state.note.split(/(?=, )/));
    if (note.title !== state.detail) note.title = state.detail;
    const wanted = state.chips.map(([at], index) => ({ index, y: at * height }));
    wanted.sort((one, other) => one.y - other.y);
    for (let n = 1; n < wanted.length; n += 1) {
      const close = CHIP_HEIGHT - (wanted[n].y - wanted[n - 1].y);
      if (close > 0) {
        wanted[n - 1].y -= close / 2;
        wanted[n].y += close / 2;
      }
    }
    let most = height - LOWEST;
    for (const one of wanted.toReversed()) {
      one.y = Math.min(one.y, most);
      most = one.y - CHIP_HEIGHT;
    }
    state.chips.forEach(([, text, side], index) => {
      nodes[index] ??= el.insertBefore(document.createElement("div"), before);
      const node = nodes[index];
      node.className = "obi-last";
      node.hidden = false;
      set(node, text);
      node.dataset.side = side;
      node.style.minWidth = `${right - 2}px`;
    });
    for (const { index, y } of wanted) nodes[index].style.top = `${top + y}px`;
    nodes.slice(state.chips.length).forEach((node) => {
      node.hidden = true;
    });
    return wanted.map(({ y }) => y);
  }

  return { show, stop: () => resized.disconnect() };
}
