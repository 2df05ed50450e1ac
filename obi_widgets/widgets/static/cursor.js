// What the mouse of this page reads, shared by all widgets of a session: the charts, which draw a
// line there at once, and the ladder. The kernel is asked for one reading at a time, the newest.

const PAGE = (globalThis.obiPage ??= { view: `${Math.random()}`, cursors: new Map() });

const ANSWER_WITHIN = 400; // ms; then the next is asked for

class SharedCursor {
  at = null; // share of the window's width under the mouse; null while it is elsewhere
  users = new Set(); // called when it moves
  asked; // the place that the kernel was asked for last; undefined if it has answered
  timer = 0;
  send = null;

  // `send` tells the kernel.
  move(at, send) {
    if (at === this.at) return;
    this.at = at;
    this.send = send;
    for (const user of this.users) user();
    if (this.asked === undefined) this.ask();
  }

  ask() {
    this.asked = this.at;
    this.send({ do: "cursor", at: this.at, view: PAGE.view });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.answered(this.asked), ANSWER_WITHIN);
  }

  // A frame has the reading of a place.
  answered(at) {
    if (this.asked === undefined || at !== this.asked) return;
    clearTimeout(this.timer);
    this.asked = undefined;
    if (this.at !== at) this.ask();
  }

  // Whether a reading is to be seen in this page.
  shows(reading) {
    if (!reading) return false;
    return reading.pinned || (reading.view === PAGE.view && this.at !== null);
  }
}

// Returns the cursor of a session, and how to leave it. `moved` is called when the mouse moves.
function sharedCursor(session, moved) {
  if (!PAGE.cursors.has(session)) PAGE.cursors.set(session, new SharedCursor());
  const cursor = PAGE.cursors.get(session);
  cursor.users.add(moved);
  const leave = () => {
    cursor.users.delete(moved);
    if (!cursor.users.size) PAGE.cursors.delete(session);
  };
  return [cursor, leave];
}
