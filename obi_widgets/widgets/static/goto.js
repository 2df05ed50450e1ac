// A field in the head of the ladder: type a time, and read the book of then.

const ANSWERED_WITHIN = 3000; // ms: later answers are not of this page

// Returns how to show it or not, and how to stop. `refuse` takes why a time cannot be read; empty
// when it can.
function goTo(model, el, head, refuse) {
  const opener = document.createElement("button");
  opener.className = "obi-goto";
  opener.textContent = "go to…";
  opener.title = "Read the book at a time that you type (g)";
  const field = document.createElement("input");
  field.className = "obi-path obi-goto-field";
  field.placeholder = "hh:mm:ss";
  field.hidden = true;
  field.setAttribute("aria-label", "Time to go to, UTC: hours, minutes, seconds");
  head.append(field, opener);
  let shown = true;
  let asked = -Infinity;
  let arrived = false; // the keyboard waits for the button that leads back

  function turn(open) {
    field.hidden = !open;
    opener.hidden = open || !shown;
    field.removeAttribute("aria-invalid");
    refuse("");
    if (open) field.select();
    if (open) field.focus({ preventScroll: true });
  }

  opener.onclick = () => turn(true);
  field.onkeydown = (event) => {
    event.stopPropagation(); // who types, types
    if (event.key === "Enter" && field.value.trim()) {
      asked = performance.now();
      model.send({ do: "goto", time: field.value });
    } else if (event.key === "Escape") {
      turn(false);
      opener.focus({ preventScroll: true });
    }
  };
  field.onblur = () => {
    if (!field.hidden) turn(false);
  };

  function receive({ refused }) {
    if (refused === undefined || performance.now() - asked > ANSWERED_WITHIN) return;
    asked = -Infinity;
    if (refused) {
      field.setAttribute("aria-invalid", "true");
      refuse(refused);
      return;
    }
    arrived = true;
    turn(false);
  }

  let lab = null;
  const call = () => turn(true);
  const found = requestAnimationFrame(() => {
    lab = el.closest(".obi-lab") ?? el.closest(".obi");
    lab?.addEventListener("obi-goto", call);
  });
  model.on("msg:custom", receive);

  // `focused` tells whether the button that leads back has the keyboard, which goes on from here.
  function show(wanted, focused) {
    shown = wanted;
    opener.hidden = !shown || !field.hidden;
    if (shown && focused) opener.focus({ preventScroll: true });
    if (shown || !arrived) return;
    arrived = false;
    head.querySelector(".obi-back").focus({ preventScroll: true });
  }

  function stop() {
    cancelAnimationFrame(found);
    lab?.removeEventListener("obi-goto", call);
    model.off("msg:custom", receive);
  }

  return { show, stop };
}
