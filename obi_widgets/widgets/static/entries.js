// Entries on the price: a triangle where one enters (up: long, down: short), a ring where it leaves,
// and a line between them, solid if it made money before fees and dashed if it lost.

const [ENTRY_LOST, ENTRY_OPEN] = [0, 2]; // see presentation/texts/entry_marks.py; 1: it made money

layer("above", ["entries", "pointed"], (context, place, { entries, pointed }) => {
  const [entered, bought, left, sold, kinds] = entries;
  const ground = place.color("ground");
  const main = pointed && (pointed.chosen || pointed.view === PAGE.view) ? pointed : null;
  const marks = Array.from(kinds, (kind, n) => [entered[n], bought[n], left[n], sold[n], kind]);
  if (main && main.bought !== null && !entered.includes(main.entered)) {
    marks.push([main.entered, main.bought, main.time, main.price, main.kind]); // a crowd hid it
  }

  function each(draw) {
    for (const [time, price, exit, exitPrice, kind] of marks) {
      context.strokeStyle = context.fillStyle = place.color(kind > 0 ? "bid" : "ask");
      const [from, to] = [[place.x(time), place.y(price)], [place.x(exit), place.y(exitPrice)]];
      draw(from, to, { side: Math.sign(kind), how: Math.abs(kind) - 1, big: time === main?.entered });
    }
  }

  each(([x, y], to, { how, big }) => {
    if (how === ENTRY_OPEN) return;
    context.lineWidth = big ? 2.5 : 1.4;
    context.setLineDash(how === ENTRY_LOST ? [4, 3] : []);
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(...to);
    context.stroke();
  });
  context.setLineDash([]);
  each((_, [x, y], { how, big }) => {
    if (how === ENTRY_OPEN) return;
    context.lineWidth = big ? 2.2 : 1.5;
    context.beginPath();
    context.arc(x, y, big ? 4.2 : 3, 0, 2 * Math.PI);
    context.fillStyle = ground;
    context.fill();
    context.stroke();
  });
  each(([x, y], _, { side, big }) => {
    const size = big ? 6.5 : 5;
    context.beginPath();
    context.moveTo(x, y - side * size);
    context.lineTo(x + size, y + side * 0.75 * size);
    context.lineTo(x - size, y + side * 0.75 * size);
    context.closePath();
    context.strokeStyle = ground;
    context.lineWidth = 1;
    context.stroke();
    context.fill();
  });
});
