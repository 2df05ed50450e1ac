// Where a box has room in a chart.

// Returns the place, of all lefts and tops, where a box hides the least of what is to be seen: each a
// rectangle (left, top, right, bottom) or null, the most important first. `here` is of place.js.
function roomFor(here, [wide, high], lefts, tops, seen) {
  const most = [here.left + here.width - wide - 4, here.top + here.height - high - 4];
  const places = tops.flatMap((top) =>
    lefts.map((left) => [
      Math.max(here.left + 4, Math.min(most[0], left)),
      Math.max(here.top + 4, Math.min(most[1], top)),
    ]),
  );
  const hides = ([left, top], one) =>
    one !== null &&
    left < one[2] + 8 && left + wide > one[0] - 8 && top < one[3] + 8 && top + high > one[1] - 8;
  const cost = (at) => seen.reduce((sum, one) => 2 * sum + hides(at, one), 0);
  return places.reduce((best, one) => (cost(one) < cost(best) ? one : best));
}
