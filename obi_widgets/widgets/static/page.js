// Receives frames; tells the kernel whether anybody looks, and which frame has been painted; and tells
// who looks when the kernel is not heard. The kernel cannot tell that: it takes a clock of the page's
// own.

// Not each frame by itself: every word makes the kernel busy for a moment, and JupyterLab shows it.
const HERE_AGAIN = 1000; // ms
const FRAMES = 8;

const DEADLINE = 3000; // ms without a word; while it lives, the kernel says one every 1.5 s
const CHECK = 250; // ms
const AWAY = 1000; // ms out of sight after which what stands there is old
const KEEP_TRYING = 5000; // ms between words to a kernel that is silent: JupyterLab queues them

// What nobody would hear.
const CONTROLS = `.obi-controls, .obi-export, .obi-field, .obi-now, .obi-length, .obi-sliders,
  .obi-gates, .obi-choices, .obi-presets, .obi-own, .obi-sides, .obi-opener, .obi-unfold, .obi-all,
  .obi-seal-offer, .obi-back, .obi-unpin, .obi-entries, .obi-lines, .obi-board-bar`;

const length = (ms) => {
  const s = Math.floor(ms / 1000);
  return s < 120 ? `${s} s` : s < 7200 ? `${Math.floor(s / 60)} min` : `${Math.floor(s / 3600)} h`;
};

const pages = new Map(); // by name of the model: its receiver, and the views of it

// Once for each model, before its views.
function initialize({ model }) {
  const views = new Set();
  const frames = receiver(model.widget_manager, {
    arrived: () => views.forEach((view) => view.arrived()),
    missed: () => views.forEach((view) => view.tell()),
  });
  const receive = (message, buffers) => {
    if ("frame" in message) frames.receive(message, buffers);
  };
  model.on("msg:custom", receive);
  document.addEventListener("visibilitychange", frames.show);
  const name = model.get("name");
  pages.set(name, { frames, views });
  const own = itself(model);
  if (own?.comm && hearing(own)) own.comm.send({ method: "request_state" }, {}); // what it has not heard
  return () => {
    model.off("msg:custom", receive);
    document.removeEventListener("visibilitychange", frames.show);
    pages.delete(name);
  };
}

function render({ model, el }) {
  const { frames, views } = pages.get(model.get("name"));
  const view = `${Math.random()}`; // crypto has ids only where the page came by https
  const banner = document.createElement("div"); // for parts that have no status line
  banner.className = "obi-unheard";
  banner.setAttribute("role", "status");
  el.append(banner);
  let root = el;
  let output = null; // of JupyterLab: it stays when the widget is closed
  let onScreen = false;
  let painted = frames.number; // null without a frame
  let told = painted;
  let timer = 0;

  let clock = 0; // runs while the page is seen
  let heard = performance.now(); // the kernel
  let began = heard; // the deadline
  let checked = heard;
  let left = heard; // out of sight
  let behind = false; // what stands there is older than the kernel's newest

  const seen = () => onScreen && document.visibilityState === "visible";

  function send(content) {
    try {
      model.send({ view, seen: seen(), frame: painted, lacks: frames.lacks, ...content });
    } catch {
      // The kernel has been restarted: this view belongs to nobody, as `check` says.
    }
  }

  function tell() {
    clearTimeout(timer);
    watch();
    told = painted;
    send();
    const again = root.dataset.heard === "silent" ? KEEP_TRYING : HERE_AGAIN;
    if (seen()) timer = setTimeout(tell, again);
  }

  function leave() {
    onScreen = false;
    clearTimeout(timer);
    watch();
    send({ gone: true });
  }

  // -- the kernel's silence ------------------------------------------------------------------

  function watch() {
    if (seen() === Boolean(clock)) return;
    if (clock) {
      clock = clearInterval(clock) ?? 0;
      left = performance.now();
    } else {
      clock = setInterval(check, CHECK);
      returned(left);
      check();
    }
  }

  function returned(from) {
    checked = began = performance.now();
    behind ||= checked - from > AWAY;
  }

  function trouble(now) {
    const life = model.get("life");
    if (life === "over") return ["over", "closed", "Closed. Run the cell again to start again."];
    if (root.classList.contains("jupyter-widgets-disconnected"))
      return ["gone", "kernel restarted: run the cell again", "These controls belong to the old kernel and have no effect."];
    if (!life) return ["", "", ""]; // it follows no session, so that there is nothing to hear
    if (now - began > DEADLINE)
      return [
        "silent",
        `no answer from the kernel for ${length(now - heard)}`,
        "The numbers are old, and the controls have no effect until the kernel answers. " +
          "If the kernel was restarted, run the cell again.",
      ];
    const waits = frames.number === null && now - began > AWAY; // a page that was loaded again
    return behind || waits ? ["late", "catching up", ""] : ["", "", ""];
  }

  function check() {
    const now = performance.now();
    if (now - checked > 2 * AWAY) returned(checked); // the page was held up, not the kernel
    checked = now;
    const [what, text, advice] = trouble(now);
    behind ||= what === "silent";
    if (root.dataset.says !== text) root.dataset.says = banner.textContent = text;
    if (root.dataset.heard === what) return;
    root.dataset.heard = what;
    if (advice) root.title = advice;
    else root.removeAttribute("title");
    root.querySelectorAll(CONTROLS).forEach((one) => {
      one.inert = Boolean(advice); // also for the keyboard
    });
  }

  function hear() {
    heard = began = performance.now();
    if (!clock || !root.dataset.heard) return;
    check();
    tell();
  }

  function alive({ alive: frame }) {
    if (frame === undefined) return; // a frame, which says itself when it has been set
    if (frames.number !== null && frames.number >= frame) behind = false; // nothing newer comes
    hear();
  }

  function arrived() {
    const frame = frames.number;
    behind = false;
    hear();
    // A hidden page paints nothing, and says nothing.
    requestAnimationFrame(() => {
      painted = frame;
      if (painted - told >= FRAMES) tell();
    });
  }

  // What is looked at is the widget that this one, which has no size, is a part of.
  const observer = new IntersectionObserver((entries) => {
    onScreen = entries[entries.length - 1].isIntersecting;
    tell();
  });
  requestAnimationFrame(() => {
    root = el.closest(".obi") ?? el;
    output = root.closest(".jp-OutputArea-child");
    observer.observe(root);
  });
  document.addEventListener("visibilitychange", tell);
  window.addEventListener("pagehide", leave);
  const me = { arrived, tell };
  views.add(me);
  model.on("change:life", check);
  model.on("msg:custom", alive);

  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
    window.removeEventListener("pagehide", leave);
    views.delete(me);
    model.off("change:life", check);
    model.off("msg:custom", alive);
    leave();
    if (model.get("life") !== "over" || !output) return;
    const closed = document.createElement("div");
    closed.className = "obi-closed";
    closed.textContent = "Closed. Run the cell again to start again.";
    output.append(closed);
  };
}

export default { initialize, render };
