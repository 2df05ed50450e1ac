// Large levels of the book: outlined from when they were seen to when they ended, with a sentence.

const LEAST = 5; // px: height of an outline
const LINE = 14; // px: texts that are nearer to each other overlap

const outline = (place, { price, start, end }) => {
  const from = Math.max(place.x(start), place.left - 2);
  const to = Math.min(place.x(end), place.left + place.width + 2);
  return { from, to, y: place.y(price) };
};

layer("below", ["walls"], (context, place, { walls }) => {
  context.lineWidth = 1;
  for (const wall of walls) {
    const { from, to, y } = outline(place, wall);
    context.strokeStyle = place.color(wall.side > 0 ? "bid" : "ask");
    context.strokeRect(from + 0.5, Math.round(y - LEAST / 2) + 0.5, to - from, LEAST - 1);
  }
});

// Where the price was at an x, px; NaN where it is not known.
function priceAt(place, { heat, heat_middle: middle }, x) {
  const column = Math.floor(((x - place.left) / place.width) * middle.length);
  return heat && column in middle ? place.y(heat.low + middle[column] * heat.step) : NaN;
}

layer("above", ["walls", "heat", "heat_middle"], (context, place, data) => {
  const { walls } = data;
  context.font = place.font;
  context.textBaseline = "bottom";
  const taken = []; // places of texts
  for (const wall of walls) {
    const { from, to, y } = outline(place, wall);
    const width = context.measureText(wall.text).width;
    const last = place.left + place.width - width - 6;
    const above = y - LEAST > place.top + LINE;
    const bottom = above ? y - LEAST / 2 - 1 : y + LEAST / 2 + LINE;
    // At the left, in the middle or at the right of what is seen of it: away from the price.
    const free = (x) => {
      const shares = [0, 0.25, 0.5, 0.75, 1];
      const far = shares.map((share) => Math.abs(priceAt(place, data, x + share * width) - bottom + 6));
      return Math.min(2 * LINE, ...far.filter((one) => !Number.isNaN(one)));
    };
    const left = Math.max(from, place.left) + 6;
    const x = [(left + to - width) / 2, left, to - width - 6]
      .map((one) => Math.max(place.left + 6, Math.min(last, one)))
      .reduce((best, one) => (free(one) > free(best) ? one : best));
    const box = { x, right: x + width, bottom };
    const overlaps = (other) =>
      box.x < other.right && other.x < box.right && Math.abs(box.bottom - other.bottom) < LINE;
    if (last < place.left + 6 || taken.some(overlaps)) continue;
    taken.push(box);
    labelled(context, place, wall.text, x, bottom);
  }
});
