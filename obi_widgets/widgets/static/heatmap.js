// The depth heatmap behind the price: an image of a cell for each column of time and row of prices,
// see `presentation/layers/heatmap.py`. It is made once for each new picture, and scaled without smoothing.

const ASKS = 129; // code of an empty row of asks; of bids it is 1, and 0 where nothing is known
const HIDDEN = 255; // fade of a level that the signal does not use
const FAINT = 0.07; // ink of a row that is known, but holds little
const FULL = 0.5; // ink of the largest: the line of mid stays on top

const ROOM = 22; // px: of a text, from an edge of the plot

const images = new WeakMap(); // by canvas: the image, and what it was made of

// A colour as numbers. The browser knows how to read it.
const swatches = new Map();
function rgb(color) {
  if (!swatches.has(color)) {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    swatches.set(color, context.getImageData(0, 0, 1, 1).data.slice(0, 3));
  }
  return swatches.get(color);
}

// The pixel of each code: sides lean apart in colour, sizes in ink, on a log scale.
function inks({ smallest, octave, lower, upper }, colors) {
  const pixels = new Uint32Array(256);
  const bytes = new Uint8ClampedArray(pixels.buffer);
  const span = Math.log(Math.max(upper, 1.01 * lower) / lower);
  for (let code = 1; code < 256; code += 1) {
    const steps = code >= ASKS ? code - ASKS : code - 1;
    const size = smallest * 2 ** (steps / octave);
    const share = steps ? Math.max(0, Math.min(1, Math.log(size / lower) / span)) : 0;
    bytes.set(colors[code >= ASKS ? 1 : 0], 4 * code);
    bytes[4 * code + 3] = 255 * (FAINT + (FULL - FAINT) * share);
  }
  return pixels;
}

// Draws on the sheet that there is, if it is of the right size: a new one ten times a second would
// keep the collector of garbage busy.
function picture(codes, middle, fade, pixels, before) {
  const [columns, rows] = codes.shape;
  const fits = before?.width === columns && before.height === rows;
  const sheet = fits ? before : new ImageData(columns, rows);
  const data = new Uint32Array(sheet.data.buffer); // a line for each row, the highest first
  for (let column = 0, at = 0; column < columns; column += 1) {
    for (let row = rows - 1; row >= 0; row -= 1) {
      let code = codes[at + rows - 1 - row];
      const into = row * columns + column;
      if (fade.length && code) {
        const away = Math.abs(rows - row - 0.5 - middle[column]);
        const least = code >= ASKS ? ASKS : 1;
        const less = fade[Math.min(Math.round(away), fade.length - 1)] ?? HIDDEN;
        code = less === HIDDEN ? least : Math.max(code - less, least);
      }
      data[into] = pixels[code];
    }
    at += rows;
  }
  return sheet;
}

// Where rows at an edge of the plot, `step` from one to the next, are unknown in the most columns in a
// row, though the book was there: the first column, and the one after the last.
function unknownAt(codes, middle, first, step, need) {
  const [columns, rows] = codes.shape;
  let [begin, best] = [0, [0, 0]];
  for (let column = 0; column <= columns; column += 1) {
    let unknown = column < columns && !Number.isNaN(middle[column]);
    for (let at = 0; unknown && at < need; at += 1) {
      unknown = codes[column * rows + first + at * step] === 0;
    }
    if (unknown) continue;
    if (column - begin > best[1] - best[0]) best = [begin, column];
    begin = column + 1;
  }
  return best;
}

// Says why nothing is drawn there, where there is room for it.
function sayUnknown(context, place, { heat, heat_codes: codes, heat_middle: middle }) {
  const row = (value) => (value - heat.low) / heat.step;
  const rows = codes.shape[1];
  const low = Math.max(0, Math.ceil(row(place.range[0])));
  const high = Math.min(rows, Math.floor(row(place.range[1])));
  const need = Math.ceil((ROOM * (high - low)) / place.height);
  if (need > high - low) return;
  context.font = place.font;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = place.color("label");
  const width = context.measureText(heat.unknown).width + ROOM;
  const column = place.width / codes.shape[0];
  for (const [first, step, y] of [
    [low, 1, place.top + place.height - ROOM / 2],
    [high - 1, -1, place.top + ROOM / 2],
  ]) {
    const [begin, end] = unknownAt(codes, middle, first, step, need);
    if ((end - begin) * column < width) continue;
    context.fillText(heat.unknown, place.left + ((begin + end) / 2) * column, y);
  }
}

layer("below", ["heat", "heat_codes", "heat_middle", "heat_fade"], (context, place, data) => {
  const { heat, heat_codes: codes, heat_middle: middle, heat_fade: fade } = data;
  if (!codes.length || !heat.upper) return;
  const colors = ["bid", "ask"].map((side) => place.color(`heat-${side}`));
  const key = JSON.stringify([heat, colors]);
  let image = images.get(context.canvas);
  if (image?.codes !== codes || image.fade !== fade || image.key !== key) {
    const sheet = picture(codes, middle, fade, inks(heat, colors.map(rgb)), image?.sheet);
    const made = sheet === image?.sheet ? image.made : new OffscreenCanvas(sheet.width, sheet.height);
    made.getContext("2d").putImageData(sheet, 0, 0);
    image = { codes, fade, key, sheet, made };
    images.set(context.canvas, image);
  }
  const top = place.y(heat.low + codes.shape[1] * heat.step);
  context.imageSmoothingEnabled = false;
  context.drawImage(image.made, place.left, top, place.width, place.y(heat.low) - top);
  sayUnknown(context, place, data);
});
