// The ladder, of now or of the moment that is read. Rows are made once; a frame changes their texts
// and widths.

function row(parent, side, rank) {
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
  return { node, side, rank, price, size, whole, left };
}

function render({ model, el }) {
  const head = document.createElement("div");
  head.className = "obi-book-head";
  const title = document.createElement("strong");
  const back = document.createElement("button");
  back.className = "obi-back";
  back.textContent = "back to now ⇥";
  back.title = "Show the book of now again (Escape)";
  back.onclick = () => model.send({ do: "cursor", time: null });
  head.append(title, back);
  el.append(head);
  const book = document.createElement("div");
  book.className = "obi-book";
  el.append(book);
  const levels = model.get("rows");
  const ranks = Array.from({ length: levels }, (_, index) => index + 1);
  const asks = ranks.toReversed().map((rank) => row(book, "ask", rank)).reverse();
  const middle = document.createElement("div");
  middle.className = "obi-middle";
  const mid = document.createElement("strong");
  const spread = document.createElement("span");
  spread.title = "Spread: best ask minus best bid";
  mid.title = "Mid: halfway between best bid and best ask";
  middle.append(mid, spread);
  book.append(middle);
  const bids = ranks.map((rank) => row(book, "bid", rank));
  const choose = choosable(book, [...asks.toReversed(), ...bids], (rank, bps) => {
    model.send({ do: "use", rank, bps });
  });
  const note = document.createElement("div");
  note.className = "obi-note";
  const refusal = document.createElement("div");
  refusal.className = "obi-note obi-warning";
  refusal.setAttribute("role", "status");
  refusal.hidden = true;
  el.append(refusal, note);
  const there = goTo(model, el, head, (text) => {
    refusal.textContent = text;
    refusal.hidden = !text;
  });

  function fill(rows, side) {
    rows.forEach(({ node, price, size, whole, left }, index) => {
      // Price, size, width of the size's bar and of what the signal takes of it, in 1/1000.
      const [a, b, c, d] = side[index] ?? ["", "", 0, 0];
      set(price, a); // most rows stay from frame to frame
      set(size, b);
      if (whole.dataset.width !== `${c}`) whole.style.width = `${(whole.dataset.width = c) / 10}%`;
      if (left.dataset.width !== `${d}`) left.style.width = `${(left.dataset.width = d) / 10}%`;
      node.classList.toggle("obi-faint", d === 0);
    });
  }

  function update() {
    const then = model.get("then") ?? null;
    const past = cursor.shows(then);
    const state = past ? then : model.get("state");
    set(title, past ? then.head : "Book");
    const focused = document.activeElement === back;
    back.hidden = !(past && then.pinned);
    there.show(back.hidden, focused);
    book.classList.toggle("obi-of-then", past);
    set(mid, state.mid);
    inParts(spread, state.spread.split(/(?= · )/));
    set(note, state.note);
    fill(asks, state.asks);
    fill(bids, state.bids);
    choose(state);
    book.classList.toggle("obi-old", state.old);
    book.classList.toggle("obi-empty", state.bids.length + state.asks.length === 0);
  }

  const [cursor, leave] = sharedCursor(model.get("session"), update);
  const changes = ["change:state", "change:then"];
  for (const change of changes) model.on(change, update);
  update();
  return () => {
    leave();
    there.stop();
    for (const change of changes) model.off(change, update);
  };
}

export default { render };
