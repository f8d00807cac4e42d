// The buttons, switches and sliders: what they say, and what they are told.

import { inkOn, LABELS } from "./colours.js";

const byId = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const LARGEST = 120;

function choose(name, value) {
  const input = document.querySelector(`input[name="${name}"][value="${value}"]`);
  input.checked = true;
  return input;
}

/** What is set on the page. Setting something looks the same whether a key or a finger does it. */
export const settings = {
  get tool() { return chosen("tool"); },
  set tool(value) { choose("tool", value); },
  get label() { return Number(chosen("label")); },
  set label(value) { choose("label", value); },
  get view() { return chosen("view"); },
  set view(value) { choose("view", value); },
  get superpixels() { return chosen("walk") === "superpixels"; },
  set superpixels(value) { choose("walk", value ? "superpixels" : "pixels"); },
  get opacity() { return byId("opacity").valueAsNumber / 100; },
  get size() { return byId("size").valueAsNumber; },
  set size(value) { byId("size").value = String(Math.max(1, Math.min(LARGEST, Math.round(value)))); },
};

/** Make the labels' buttons. */
export function makeSwatches() {
  LABELS.forEach((colour, index) => {
    const name = String(index + 1);
    const [label, input, shown] = ["label", "input", "span"].map((kind) => document.createElement(kind));
    Object.assign(input, { type: "radio", name: "label", value: name, checked: index === 0, ariaLabel: `Label ${name}` });
    label.title = `Label ${name} (${name})`;
    shown.textContent = name;
    shown.style.setProperty("--colour", colour);
    shown.style.setProperty("--on", inkOn(colour));
    label.append(input, shown);
    byId("swatches").append(label);
  });
}

/** Connect buttons with what they do; `actions` by the names used here, `set(name)` after a switch or slider has moved. */
export function connect(actions, set) {
  for (const name of ["undo", "redo", "keep", "suggest", "help", "example"]) byId(name).addEventListener("click", actions[name]);
  for (const name of ["open", "open-first"]) byId(name).addEventListener("click", actions.chooseFile);
  for (const name of ["tool", "label", "view", "walk"]) {
    for (const input of document.getElementsByName(name)) input.addEventListener("change", () => set(name));
  }
  for (const name of ["opacity", "size"]) byId(name).addEventListener("input", () => set(name));
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => {
      byId("downloads").hidePopover();
      actions.download(button.dataset.download);
    });
  }
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // so that the same file can be chosen again
    if (file) actions.take(file);
  });
  // After a click the keys belong to the image again; those who use Tab keep their place.
  document.addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.closest("#dock, header")) byId("stage").focus({ preventScroll: true });
  });
}

/** Grey the buttons of steps that there are not. */
export function offerSteps({ undo, redo }) {
  byId("undo").disabled = !undo;
  byId("redo").disabled = !redo;
}

/** Offer a file for download. */
export function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Take files that are dropped or pasted. */
export function receive(stage, take) {
  const over = (event) => {
    event.preventDefault();
    stage.classList.toggle("dropping", event.type === "dragover");
  };
  for (const type of ["dragover", "dragleave", "drop"]) window.addEventListener(type, over);
  window.addEventListener("drop", (event) => event.dataTransfer.files[0] && take(event.dataTransfer.files[0]));
  window.addEventListener("paste", (event) => event.clipboardData.files[0] && take(event.clipboardData.files[0]));
}
