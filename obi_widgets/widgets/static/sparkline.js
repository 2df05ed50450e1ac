// The small line of a market: mid, and marks where the signal was beyond the threshold: those at the
// top above it, those at the bottom below its negative.

const UP = 1;
const DOWN = 2; // bits of a column

const MARK = 2; // height of a mark, px
const GAP = 2; // between marks and line, and beside the next market
const DOT = 1.6; // radius of the newest mid

// Draws a line. `size` is in CSS px, `height` what the canvas stands for, in the unit of `mid`.
function sparkline(canvas, { mid, beyond, height }, size, color) {
  const context = canvas.getContext("2d");
  sized(canvas, context, size);
  const { width, height: tall } = size;
  const step = width / mid.length;
  beyond.forEach((bits, at) => {
    if (bits & UP) {
      context.fillStyle = color("bid");
      context.fillRect(at * step, GAP, step + 0.3, MARK);
    }
    if (bits & DOWN) {
      context.fillStyle = color("ask");
      context.fillRect(at * step, tall - GAP - MARK, step + 0.3, MARK);
    }
  });
  const known = mid.filter(Number.isFinite);
  if (!known.length || !height) return;
  const middle = (Math.max(...known) + Math.min(...known)) / 2;
  const room = tall - 2 * (MARK + 2 * GAP);
  const y = (value) => tall / 2 - ((value - middle) / height) * room;
  const last = mid.length - 1;
  context.beginPath();
  mid.forEach((value, at) => {
    if (!Number.isFinite(value)) return;
    const x = Math.min((at + 0.5) * step, width - DOT);
    if (at && Number.isFinite(mid[at - 1])) context.lineTo(x, y(value));
    else context.moveTo(x, y(value));
  });
  context.strokeStyle = color("ink");
  context.lineWidth = 1.2;
  context.lineJoin = "round";
  context.stroke();
  if (!Number.isFinite(mid[last])) return;
  context.beginPath();
  context.arc(width - DOT, y(mid[last]), DOT, 0, 2 * Math.PI);
  context.fillStyle = color("ink");
  context.fill();
}

// What a line has at a share of its width: the time in ms, and the change in bps since its beginning,
// as the column of changes has it (`mid` is a logarithm); null where it has nothing.
function sparkAt({ mid, end, width }, share) {
  const at = Math.min(Math.max(Math.floor(share * mid.length), 0), mid.length - 1);
  const first = mid.findIndex(Number.isFinite);
  if (first < 0 || !Number.isFinite(mid[at])) return null;
  return { time: end - (mid.length - 1 - at) * width, change: 1e4 * Math.expm1((mid[at] - mid[first]) / 1e4) };
}
