// Mouse, pen and fingers on the stage: painting, moving, zooming.

const WHEEL = 0.0015; // zoom per pixel of a wheel
const PAGE = 40; // pixels of a wheel that counts lines

/**
 * Listen to `stage`. `hands` holds what to do, places in pixels of the stage:
 * begin(x, y) → whether a stroke has begun; go(x, y); finish(); cancel(); move(x, y); zoom(factor, x, y); hover(x, y), leave().
 */
export function listen(stage, canvas, hands) {
  const down = new Map(); // pointers that touch: id → place
  let painting = null; // the pointer that paints
  let moving = null; // the pointer that moves the image
  let space = false;

  const place = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  canvas.addEventListener("pointerdown", (event) => {
    const at = place(event);
    canvas.setPointerCapture(event.pointerId);
    stage.focus({ preventScroll: true });
    event.preventDefault();
    down.set(event.pointerId, at);
    if (down.size === 2 && painting !== null) {
      hands.cancel();
      painting = null;
    } else if (event.button === 1 || space) {
      moving = event.pointerId;
    } else if (event.button === 0 && down.size === 1 && hands.begin(...at)) {
      painting = event.pointerId;
    }
  });

  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    hands.hover(...at);
    const before = down.get(event.pointerId);
    if (!before) return;
    if (painting === event.pointerId) {
      const all = event.getCoalescedEvents?.() ?? [];
      for (const each of all.length ? all : [event]) hands.go(...place(each));
    } else if (down.size === 2) {
      pinch(event.pointerId, before, at);
    } else if (moving === event.pointerId) {
      hands.move(at[0] - before[0], at[1] - before[1]);
    }
    down.set(event.pointerId, at);
  });

  function pinch(id, before, at) {
    const [other] = [...down].filter(([each]) => each !== id).map(([, there]) => there);
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    hands.move((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
    const apart = (place) => Math.max(10, Math.hypot(place[0] - other[0], place[1] - other[1]));
    hands.zoom(apart(at) / apart(before), ...middle);
  }

  function up(event) {
    down.delete(event.pointerId);
    if (moving === event.pointerId) moving = null;
    if (painting !== event.pointerId) return;
    painting = null;
    if (event.type === "pointercancel") hands.cancel();
    else hands.finish();
  }
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => hands.leave());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const turned = event.deltaY * (event.deltaMode ? PAGE : 1) * (event.ctrlKey ? 5 : 1); // a pinch on a pad sends little
    hands.zoom(Math.exp(-turned * WHEEL), ...place(event));
  }, { passive: false });

  const hold = (held) => {
    space = held;
    stage.classList.toggle("panning", held);
  };
  window.addEventListener("keydown", (event) => {
    if (event.code !== "Space" || event.target.closest("button, input, dialog")) return;
    event.preventDefault();
    hold(true);
  });
  window.addEventListener("keyup", (event) => event.code === "Space" && hold(false));
  window.addEventListener("blur", () => hold(false));
}
