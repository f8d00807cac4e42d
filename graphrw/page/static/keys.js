// What keys do, wherever the focus is.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** `actions` holds what to do, by the names used here. */
export function listen(actions) {
  const plain = {
    b: () => actions.tool("brush"),
    e: () => actions.tool("eraser"),
    "[": () => actions.resize(-1),
    "]": () => actions.resize(1),
    s: actions.suggest,
    k: actions.keep,
    v: actions.nextView,
    o: actions.chooseFile,
    0: actions.fit,
    "+": () => actions.zoom(1.25),
    "=": () => actions.zoom(1.25),
    "-": () => actions.zoom(0.8),
    "?": actions.help,
  };

  window.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.altKey) return;
    if (event.ctrlKey || event.metaKey) return withControl(event);
    const act = /^[1-9]$/.test(event.key) ? () => actions.label(Number(event.key)) : plain[event.key.toLowerCase()];
    if (act) run(event, act);
    else if (!event.target.closest("button, input")) onStage(event);
  });

  function withControl(event) {
    const key = event.key.toLowerCase();
    if (key === "z") run(event, event.shiftKey ? actions.redo : actions.undo);
    else if (key === "y") run(event, actions.redo);
  }

  function onStage(event) {
    const arrow = ARROWS[event.key];
    if (arrow) run(event, () => actions.nudge(...arrow.map((step) => step * (event.shiftKey ? 1 : 8))));
    else if (event.key === "Enter") run(event, actions.dab);
  }

  function run(event, act) {
    event.preventDefault();
    act();
  }
}
