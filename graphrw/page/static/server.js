// What the page asks of its server. Addresses are relative: the page's own address holds the token.

/** The server's answer to something it refused, in its words. */
export class Refused extends Error {}

/** The answer is out of date before it was there: something has changed meanwhile. */
export class Superseded extends Error {}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refused("The server does not answer. Does graphrw still run?");
  }
  if (response.ok) return response;
  const words = await response.text();
  if (response.status === 409) throw new Superseded();
  throw new Refused(inWords(words) || `The server has failed (${response.status}): see where it runs.`);
}

function inWords(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return text === "Internal Server Error" ? "" : text;
  }
}

const post = async (path, body) => (await ask(path, { method: "POST", body })).json();
const send = (path, value) => post(path, JSON.stringify(value));

export const state = async () => (await ask("state")).json();
export const open = (file) => post(`open?name=${encodeURIComponent(file.name)}`, file);
export const example = () => post("example");
export const paint = (label, runs) => send("paint", { label, runs });
export const erase = (runs) => send("erase", { runs });
export const keep = (label) => send("keep", { label }).catch((error) => {
  throw error instanceof Superseded ? new Refused("It was not kept: the strokes have changed meanwhile.") : error;
});
export const undo = () => post("undo");
export const redo = () => post("redo");
export const walkOver = (superpixels) => send("walk", { superpixels });
export const replay = (log) => post("replay", log);
export const suggest = async () => (await (await ask("suggest")).json()).places;
export const file = async (path) => (await ask(path)).blob();
export const numbers = async (path) => new Uint8Array(await (await ask(path)).arrayBuffer());
