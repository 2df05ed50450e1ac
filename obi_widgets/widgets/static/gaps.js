// Hatched: the book was not known. The price chart says how long that was.

function hatch(context, color) {
  const tile = new OffscreenCanvas(6, 6);
  const pen = tile.getContext("2d");
  pen.strokeStyle = color;
  pen.lineWidth = 1.6;
  pen.beginPath();
  for (const x of [-6, 0, 6]) {
    pen.moveTo(x - 1, 7);
    pen.lineTo(x + 7, -1);
  }
  pen.stroke();
  return context.createPattern(tile, "repeat");
}

layer("below", ["gaps"], (context, place, { gaps }) => {
  const pattern = hatch(context, place.color("hatch"));
  context.font = place.font;
  context.textBaseline = "bottom";
  for (const [start, end, text] of gaps) {
    const from = place.x(start);
    const width = Math.max(place.x(end) - from, 3); // a short one is seen, too
    context.fillStyle = place.color("ground");
    context.fillRect(from, place.top, width, place.height);
    context.fillStyle = pattern;
    context.fillRect(from, place.top, width, place.height);
    if (!text) continue;
    const wide = context.measureText(text).width;
    const right = place.left + place.width - wide - 4;
    const at = Math.max(place.left + 4, Math.min(right, from + width / 2 - wide / 2));
    labelled(context, place, text, at, place.top + place.height - 3);
  }
});

// A text that is readable on whatever it stands.
function labelled(context, place, text, x, y) {
  context.lineJoin = "round";
  context.lineWidth = 3;
  context.strokeStyle = place.color("ground");
  context.strokeText(text, x, y);
  context.fillStyle = place.color("ink");
  context.fillText(text, x, y);
}
