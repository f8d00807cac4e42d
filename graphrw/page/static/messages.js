// Words for the person: what goes wrong, what has happened, what is going on.

const toast = document.getElementById("toast");
const status = document.getElementById("status");
const thinking = document.getElementById("thinking");
const READING = 6000; // ms

let timer = 0;

/** Say something that must be read. Text alone is ever shown, whatever a file is called. */
export function tell(words) {
  toast.textContent = words;
  toast.hidden = false;
  clearTimeout(timer);
  timer = setTimeout(() => { toast.hidden = true; }, READING);
}

export function say(words) {
  status.textContent = words;
}

export function think(busy) {
  thinking.hidden = !busy;
}
