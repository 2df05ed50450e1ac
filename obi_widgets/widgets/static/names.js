// Names and values of ipywidgets' controls for those who do not see them: its sliders have none.

const SAID_AFTER = 300; // ms until the kernel has said what a slider's place means

// Name the controls below `part`, now and when they are replaced. Returns how to stop.
function nameControls(part) {
  function name(control) {
    const title = control.querySelector(".obi-setting span")?.textContent;
    if (!title) return;
    const note = control.lastElementChild;
    note.id ||= `obi-${Math.random().toString(36).slice(2)}`;
    for (const one of control.querySelectorAll(".noUi-handle, input, select")) {
      label(one, title);
      if (one.getAttribute("aria-describedby") !== note.id) one.setAttribute("aria-describedby", note.id);
    }
    for (const group of control.querySelectorAll(".widget-toggle-buttons")) {
      group.setAttribute("role", "group");
      label(group, title);
      for (const button of group.querySelectorAll("button")) {
        const pressed = String(button.classList.contains("mod-active"));
        if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
      }
    }
  }

  function label(one, title) {
    if (one.getAttribute("aria-label") !== title) one.setAttribute("aria-label", title);
  }

  function all() {
    part.querySelectorAll(".obi-control").forEach(name);
    part.querySelectorAll(".obi-choice select").forEach((select) => label(select, "Signal"));
  }

  // A slider's place is a number; beside it stands what it means, such as "all levels".
  function value({ target }) {
    if (!target.classList?.contains("noUi-handle")) return;
    setTimeout(() => {
      const text = target.closest(".obi-control")?.querySelector("input")?.value;
      if (text) target.setAttribute("aria-valuetext", text);
    }, SAID_AFTER);
  }

  const observer = new MutationObserver(all);
  observer.observe(part, { childList: true, subtree: true, attributeFilter: ["class"] });
  part.addEventListener("focusin", value);
  part.addEventListener("keyup", value);
  all();
  return () => {
    observer.disconnect();
    part.removeEventListener("focusin", value);
    part.removeEventListener("keyup", value);
  };
}
