// The ladder. Rows are made once; a frame changes their texts and widths.

function row(parent, side) {
  const node = document.createElement("div");
  node.className = `obi-row obi-${side}`;
  const [price, bars, size] = ["obi-price", "obi-bars", "obi-size"].map((name) => {
    const cell = document.createElement("span");
    cell.className = name;
    node.append(cell);
    return cell;
  });
  const [whole, left] = ["obi-whole", "obi-left"].map((name) => {
    const bar = document.createElement("span");
    bar.className = name;
    bars.append(bar);
    return bar;
  });
  parent.append(node);
  return { node, price, size, whole, left };
}

function render({ model, el }) {
  const book = document.createElement("div");
  book.className = "obi-book";
  el.append(book);
  const levels = model.get("rows");
  const asks = Array.from({ length: levels }, () => row(book, "ask")).reverse();
  const middle = document.createElement("div");
  middle.className = "obi-middle";
  const mid = document.createElement("strong");
  const spread = document.createElement("span");
  middle.append(mid, spread);
  book.append(middle);
  const bids = Array.from({ length: levels }, () => row(book, "bid"));
  const note = document.createElement("div");
  note.className = "obi-note";
  el.append(note);

  function fill(rows, side) {
    rows.forEach(({ node, price, size, whole, left }, index) => {
      // Price, size, width of the size's bar and of what the signal takes of it, in 1/1000.
      const [a, b, c, d] = side[index] ?? ["", "", 0, 0];
      price.textContent = a;
      size.textContent = b;
      whole.style.width = `${c / 10}%`;
      left.style.width = `${d / 10}%`;
      node.classList.toggle("obi-faint", d === 0);
    });
  }

  function update() {
    const state = model.get("state");
    mid.textContent = state.mid;
    spread.textContent = state.spread;
    note.textContent = state.note;
    fill(asks, state.asks);
    fill(bids, state.bids);
    book.classList.toggle("obi-old", state.old);
    book.classList.toggle("obi-empty", state.bids.length + state.asks.length === 0);
  }

  model.on("change:state", update);
  update();
  return () => model.off("change:state", update);
}

export default { render };
