// Tells the kernel whether anybody looks, and which frame has been painted.

// Not each frame by itself: every word makes the kernel busy for a moment, and JupyterLab shows it.
const HERE_AGAIN = 1000; // ms
const FRAMES = 8;

function render({ model, el }) {
  const view = `${Math.random()}`; // crypto has ids only where the page came by https
  let onScreen = false;
  let painted = model.get("frame");
  let told = painted;
  let timer = 0;

  const seen = () => onScreen && document.visibilityState === "visible";

  function tell() {
    clearTimeout(timer);
    told = painted;
    try {
      model.send({ view, seen: seen(), frame: painted });
    } catch {
      return; // the kernel has been restarted: this view belongs to nobody
    }
    if (seen()) timer = setTimeout(tell, HERE_AGAIN);
  }

  function leave() {
    onScreen = false;
    tell();
  }

  function arrived() {
    const frame = model.get("frame");
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
  requestAnimationFrame(() => observer.observe(el.closest(".obi") ?? el));
  document.addEventListener("visibilitychange", tell);
  window.addEventListener("pagehide", leave);
  model.on("change:frame", arrived);

  return () => {
    observer.disconnect();
    document.removeEventListener("visibilitychange", tell);
    window.removeEventListener("pagehide", leave);
    model.off("change:frame", arrived);
    leave();
  };
}

export default { render };
