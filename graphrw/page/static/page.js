// The page: brings its parts together.

import { ofLabel } from "./colours.js";
import { connect, makeSwatches, offer, offerSteps, receive, settings } from "./controls.js";
import { listen as listenToKeys } from "./keys.js";
import { Labelling } from "./labelling.js";
import { ERASING } from "./layers.js";
import { tell } from "./messages.js";
import { listen as listenToPointers } from "./pointer.js";
import * as server from "./server.js";
import { Stroke } from "./stroke.js";
import { View } from "./view.js";

const LARGEST_FILE = 64 * 2 ** 20; // as the server has it
const VIEWS = ["fill", "borders", "entropy", "image"];
const byId = (id) => document.getElementById(id);
const [stage, cursor, ring] = ["stage", "cursor", "ring"].map(byId);

makeSwatches();
const view = new View(byId("canvas"));
const labelling = new Labelling(changed);
let stroke = null;
let pointer = null; // where the brush is, on the stage
let drawn = false; // whether a drawing is on its way

function changed({ isNew = false } = {}) {
  const { picture } = labelling;
  settings.superpixels = labelling.superpixels;
  offerSteps(labelling.steps);
  document.body.classList.toggle("opened", picture !== null);
  byId("welcome").hidden = picture !== null;
  if (isNew && picture) {
    byId("name").textContent = document.title = picture.name || "image";
    fit();
  }
  draw();
}

function fit() {
  const { picture } = labelling;
  if (picture) view.fit(picture.width, picture.height, byId("dock").offsetHeight + 28);
  draw();
}

const middle = ([row, column]) => [column + 0.5, row + 0.5];

function draw() {
  if (drawn) return;
  drawn = true;
  requestAnimationFrame(() => {
    drawn = false;
    const { picture, suggested } = labelling;
    if (!picture) return;
    view.draw(picture.shown(settings.view, settings.opacity));
    Object.assign(stage.dataset, { x: view.x, y: view.y, scale: view.scale }); // for whoever drives the page
    byId("legend").hidden = settings.view !== "entropy" || !picture.answered;
    byId("place").textContent = `${picture.width} × ${picture.height} · ${Math.round(100 * view.scale)} %`;
    byId("size-shown").textContent = settings.size;
    ring.hidden = !suggested;
    if (suggested) moveTo(ring, ...view.toStage(...middle(suggested)));
    drawCursor();
  });
}

function drawCursor() {
  cursor.hidden = pointer === null;
  if (pointer === null) return;
  const size = Math.max(4, settings.size * view.scale);
  cursor.style.width = cursor.style.height = `${size}px`;
  cursor.style.setProperty("--brush", settings.tool === "eraser" ? "#ffffff40" : `${ofLabel(settings.label)}50`);
  moveTo(cursor, pointer[0] - size / 2, pointer[1] - size / 2);
}

function moveTo(element, x, y) {
  element.style.transform = `translate(${x}px, ${y}px)`;
}

const hands = {
  begin(x, y) {
    const { picture } = labelling;
    if (!picture) return false;
    const value = settings.tool === "eraser" ? ERASING : settings.label;
    stroke = new Stroke(picture.width, picture.height, settings.size / 2, value);
    hands.go(x, y);
    return true;
  },
  go(x, y) {
    pointer = [x, y];
    labelling.picture.showStroke(stroke, stroke.lineTo(...view.toImage(x, y)));
    draw();
  },
  finish() {
    const done = stroke;
    stroke = null;
    labelling.paint(done, done.value === ERASING ? 0 : done.value);
    draw();
  },
  cancel() {
    stroke = null;
    labelling.picture.layers.live.clear();
    draw();
  },
  move(x, y) {
    view.move(x, y);
    draw();
  },
  zoom(factor, x, y) {
    view.zoom(factor, x, y);
    draw();
  },
  hover(x, y) {
    pointer = [x, y];
    draw();
  },
  leave() {
    pointer = null;
    draw();
  },
};

const opened = (act) => () => labelling.picture && act();

const actions = {
  undo: opened(() => labelling.undo()),
  redo: opened(() => labelling.redo()),
  keep: opened(() => labelling.keep(settings.label)),
  suggest: opened(async () => {
    await labelling.suggest();
    if (labelling.suggested) view.reveal(...middle(labelling.suggested));
    draw();
  }),
  example: () => labelling.example(),
  help: () => byId("keys").showModal(),
  chooseFile: () => byId("file").click(),
  fit,
  zoom: (factor) => hands.zoom(factor),
  tool: (name) => set("tool", name),
  label: (label) => set("label", label),
  resize: (way) => set("size", settings.size + way * Math.max(1, Math.round(settings.size / 8))),
  nextView: () => set("view", VIEWS[(VIEWS.indexOf(settings.view) + 1) % VIEWS.length]),
  nudge: (x, y) => {
    const [left, top] = pointer ?? [stage.clientWidth / 2, stage.clientHeight / 2];
    hands.hover(left + x, top + y);
  },
  dab: opened(() => pointer && hands.begin(...pointer) && hands.finish()),
  take,
  download,
};
/** A switch or slider has moved, or shall. */
function set(name, value) {
  if (value !== undefined) settings[name] = value;
  if (name === "label") settings.tool = "brush";
  if (name === "walk") labelling.walkOver(settings.superpixels);
  if (name === "view" && labelling.picture) labelling.showUncertainty(settings.view === "entropy");
  draw();
}

async function take(file) {
  if (file.size > LARGEST_FILE) return tell(`That is too large: the page takes at most ${LARGEST_FILE / 2 ** 20} MiB at once.`);
  const isLog = file.name.toLowerCase().endsWith(".json");
  if (isLog && !labelling.picture) return tell("Open the image first; then drop its strokes.");
  if (labelling.picture?.numLabels && !window.confirm(`The present strokes will be gone. ${isLog ? "Load others" : "Open another image"}?`)) return undefined;
  return isLog ? labelling.replay(file) : labelling.open(file);
}

async function download(what) {
  const stem = (labelling.picture.name || "image").replace(/\.[^.]*$/, "");
  try {
    if (what === "picture") return offer(await labelling.picture.file(settings.view, settings.opacity), `${stem}-picture.png`);
    if (what === "log") return offer(await server.file("log.json"), `${stem}-strokes.json`);
    return offer(await server.file("labels.png"), `${stem}-labels.png`);
  } catch (error) {
    return tell(error.message || "Something has changed meanwhile: try again.");
  }
}

connect(actions, set);
listenToKeys(actions);
listenToPointers(stage, view.canvas, hands);
receive(stage, take);
window.addEventListener("keydown", (event) => event.key === "Tab" && document.body.classList.add("tabbing"));
window.addEventListener("pointerdown", () => document.body.classList.remove("tabbing"));
new ResizeObserver(() => (view.touched ? draw() : fit())).observe(stage);
labelling.resume();
