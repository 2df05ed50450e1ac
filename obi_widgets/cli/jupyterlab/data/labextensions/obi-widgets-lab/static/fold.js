// A JupyterLab extension without a build step: JupyterLab finds it by its name, as it finds those
// that webpack builds, and calls `init` and then `get`.

// Below this width of the window, px, an open file browser leaves the lab less than the 1,000 px
// that its three columns need.
const NARROW = 1450;

const plugin = {
  id: "obi-widgets-lab:fold",
  autoStart: true,
  activate(app) {
    // JupyterLab opens the file browser itself when it starts: wait for that.
    app.restored.then(() => {
      if (window.innerWidth < NARROW) app.shell.collapseLeft();
    });
  },
};

window._JUPYTERLAB = window._JUPYTERLAB || {};
window._JUPYTERLAB["obi-widgets-lab"] = {
  init() {},
  get: async () => () => ({ default: plugin, __esModule: true }),
};
