// Labels of the time axis, which bqplot draws: in a narrow chart only every second, fifth or tenth of
// them has room, and none where it would leave the plot. Which ones stay depends on their times, so
// that none comes and goes while time passes.

const BETWEEN = 8; // px from one label to the next

const EVERY = [1, 2, 5, 10, 20, 50];

// `place` returns where times are, see place.js.
function thinned(el, margin, place) {
  if (margin.bottom < 20) return { stop() {} }; // this chart has no labels of time
  let watched = null;
  let [width, measured] = [0, ""]; // of the widest label: measured once for each length of its text

  function thin() {
    const here = place();
    // The labels of the value axis are out of sight: the overlay has its own.
    const ticks = [...(watched?.querySelectorAll(".axis .tick") ?? [])].filter(
      (tick) => tick.querySelector("text")?.style.display !== "none",
    );
    if (!here || !ticks.length) return;
    const times = ticks.map((tick) => Number(tick.__data__)).sort((one, other) => one - other);
    ticks.sort((one, other) => one.__data__ - other.__data__);
    const step = Math.min(...times.slice(1).map((time, n) => time - times[n])) || Infinity;
    const texts = ticks.map((tick) => tick.querySelector("text"));
    const of = `${texts.map((text) => text.textContent.length)} ${here.width}`;
    if (of !== measured) {
      for (const text of texts) text.classList.remove("obi-crowded");
      [width, measured] = [Math.max(...texts.map((text) => text.getBoundingClientRect().width)), of];
    }
    const apart = here.x(step) - here.x(0);
    const every = EVERY.find((one) => one * apart >= width + BETWEEN) ?? EVERY.at(-1);
    times.forEach((time, n) => {
      const x = here.x(time);
      const end = here.left + here.width + margin.right / 2;
      const beyond = x - width / 2 < here.left || x + width / 2 > end;
      const kept = step === Infinity || Math.round(time / step) % every === 0;
      texts[n].classList.toggle("obi-crowded", beyond || !kept);
    });
  }

  const drawn = new MutationObserver(thin);
  const resized = new ResizeObserver(() => {
    const chart = el.closest(".obi-chart");
    if (chart && watched !== chart) {
      watched = chart;
      drawn.observe(chart, { subtree: true, childList: true, attributeFilter: ["transform"] });
    }
    thin();
  });
  resized.observe(el);
  return {
    stop() {
      resized.disconnect();
      drawn.disconnect();
    },
  };
}
