// Levels of the ladder as buttons: a click, or Enter, lets the signal use levels up to one.
// One of them can be reached by Tab; the arrows go from level to level.

// `rows` are those of the ladder from top to bottom: node, side, and rank from 1; `use` takes a
// level's rank and its band in bps. Returns a function that takes what the frame says.
function choosable(book, rows, use) {
  let choose = null;
  let bands = [[], []];
  book.setAttribute("role", "group");
  book.setAttribute("aria-label", "Book, level by level");

  const filled = () => rows.filter(({ node }) => !node.classList.contains("obi-none"));
  const bandOf = ({ side, rank }) => bands[side === "bid" ? 0 : 1][rank - 1] ?? 0;

  // Returns what a click does, and whether it can.
  function meaning(row) {
    if (choose.why) return [choose.why, false];
    const [depth, can] = choose.depths[row.rank - 1] ?? ["", true];
    if (!can) return [depth, false];
    const parts = depth ? [depth] : [];
    if (choose.band !== null) {
      const [name, limit, [low, high], not] = choose.band;
      const bps = bandOf(row);
      if (bps > limit && !(low <= bps && bps <= high)) return [not, false];
      if (bps > limit) parts.push(`${name} to ${Number(bps.toPrecision(6))} bps`);
    }
    return [parts.length ? `Set ${parts.join(" and ")}` : "", parts.length > 0];
  }

  function reach(row) {
    for (const one of rows) one.node.tabIndex = one === row ? 0 : -1;
  }

  function press(event, index) {
    const { key } = event;
    if (key === "Enter" || key === " ") {
      if (filled().includes(rows[index])) use(rows[index].rank, bandOf(rows[index]));
    } else if (key === "ArrowUp" || key === "ArrowDown") {
      const there = filled();
      const next = there[there.indexOf(rows[index]) + (key === "ArrowUp" ? -1 : 1)];
      next?.node.focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  rows.forEach((row, index) => {
    const { node, side, rank } = row;
    node.setAttribute("role", "button");
    node.onclick = () => use(rank, bandOf(row));
    node.onkeydown = (event) => press(event, index);
    node.onfocus = () => reach(row);
  });
  reach(rows.find(({ side, rank }) => side === "bid" && rank === 1));

  return (now) => {
    [choose, bands] = [now.choose, now.bands];
    for (const row of rows) {
      const { node, side, rank, price, size } = row;
      const [text, can] = meaning(row);
      if (node.title !== text) node.title = text;
      const disabled = String(!can);
      if (node.getAttribute("aria-disabled") !== disabled) node.setAttribute("aria-disabled", disabled);
      const some = price.textContent !== "";
      node.classList.toggle("obi-none", !some);
      const name = `${side === "bid" ? "Bid" : "Ask"} ${rank}`;
      const said = `${name}: ${some ? `${size.textContent} at ${price.textContent}` : "no level"}`;
      if (node.getAttribute("aria-label") !== said) node.setAttribute("aria-label", said);
    }
  };
}
