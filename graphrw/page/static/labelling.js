// What a person does to the image, and the answers that come of it.

import { say, tell, think } from "./messages.js";
import { Picture } from "./picture.js";
import { Refused, Superseded } from "./server.js";
import * as server from "./server.js";

export class Labelling {
  /** `changed()` is called whenever something else is to be seen. */
  constructor(changed) {
    this.changed = changed;
    this.picture = null;
    this.superpixels = true;
    this.steps = { undo: false, redo: false }; // whether there are any
    this.wantsUncertainty = false;
    this.places = null; // suggestions that still hold
    this.suggested = null; // the one that is shown, (row, column)
    this.tail = Promise.resolve(); // changes are made in their order
    this.turn = 0; // of answers: older ones are dropped
    this.asking = false; // whether one is awaited
  }

  /** What the server has already, after the page was loaded again. */
  resume = () => this.#begin(server.state);
  open = (file) => this.#begin(() => server.open(file));
  example = () => this.#begin(server.example);

  /** Finish a stroke. */
  async paint(stroke, label) {
    this.picture.take(stroke, label);
    this.#forgetSuggestions();
    const runs = stroke.runs();
    if (!runs.length) return;
    await this.#change(async () => {
      const { changed } = this.#heard(await (label ? server.paint(label, runs) : server.erase(runs)));
      const asked = runs.reduce((sum, [, length]) => sum + length, 0);
      if (label && changed < asked) await this.#fetchStrokes(); // some of it was kept from before
    });
  }

  undo = () => this.#step(server.undo, "There is nothing to undo.");
  redo = () => this.#step(server.redo, "There is nothing to redo.");

  keep(label) {
    const done = `Label ${label} is kept: no stroke changes its pixels any more. Undo sets them free.`;
    return this.#step(() => server.keep(label), `Nothing has label ${label} that is not kept already.`, done);
  }

  async walkOver(superpixels) {
    await this.#change(async () => {
      this.#heard(await server.walkOver(superpixels));
    });
  }

  async replay(file) {
    await this.#change(async () => {
      this.#heard(await server.replay(file));
      await this.#fetchStrokes();
    });
  }

  /** Show where a stroke would help most; asked again, the place next to that. */
  async suggest() {
    if (this.picture.numLabels < 2) return say("Paint two labels first: then the walk knows where it is unsure.");
    await this.#told(async () => {
      this.places ??= await server.suggest();
      this.suggested = this.places.shift() ?? null;
      if (!this.places.length) this.places = null;
      say(this.suggested ? "One more stroke would help most here." : "The walk is sure everywhere.");
      this.changed();
    });
  }

  async showUncertainty(wanted) {
    this.wantsUncertainty = wanted;
    if (!wanted || !this.picture.answered) return;
    await this.#told(async () => this.picture.setUncertainty(await server.numbers("entropy")));
    this.changed();
  }

  /** Ask for the labels as they are now; an answer that is out of date when it comes is dropped. */
  async answer() {
    const turn = ++this.turn;
    const { picture } = this;
    if (picture.numLabels < 2) return this.#wait();
    this.asking = true;
    think(true);
    const begin = performance.now();
    await this.#told(async () => {
      const labels = await server.numbers("labels");
      const shares = this.wantsUncertainty ? await server.numbers("entropy") : null;
      if (turn !== this.turn) return;
      picture.setLabels(labels);
      if (shares) picture.setUncertainty(shares);
      say(`${picture.numLabels} labels · answer in ${((performance.now() - begin) / 1000).toFixed(2)} s`);
    });
    if (turn === this.turn) this.#rest();
    this.changed();
  }

  #rest() {
    this.asking = false;
    think(false);
  }

  /** Take up an image, after all that was asked for before. */
  #begin(from) {
    this.tail = this.tail.then(() => this.#told(async () => {
      think(true);
      const { name, shape } = this.#heard(await from());
      if (shape === null) return;
      this.picture = new Picture(name, await createImageBitmap(await server.file("image.png")));
      this.#forgetSuggestions();
      await this.#fetchStrokes();
      void this.answer();
      this.changed({ isNew: true });
    })).then(() => {
      if (!this.asking) think(false);
      this.changed();
    });
    return this.tail;
  }

  #wait() {
    this.#rest();
    this.picture.forgetAnswer();
    say(["Paint a little of one object.", "Now choose another label, and paint what is around it."][this.picture.numLabels]);
    this.changed();
  }

  #step(act, otherwise, done = "") {
    return this.#change(async () => {
      const { changed } = this.#heard(await act());
      if (changed) await this.#fetchStrokes();
      if (!changed || done) tell(changed ? done : otherwise);
      return Boolean(changed);
    });
  }

  /** Change something after all earlier changes, and then ask for an answer; not if `act` returns false. */
  #change(act) {
    const { picture } = this;
    this.turn++; // whatever answer comes now is out of date
    const isThere = () => picture === this.picture; // and no other was opened meanwhile
    this.tail = this.tail.then(() => isThere() && this.#told(act)).then((done) => {
      if (done !== false) this.#forgetSuggestions();
      if (done !== false || this.asking) void this.answer(); // the server has dropped the one that was asked for
      this.changed();
    });
    return this.tail;
  }

  async #fetchStrokes() {
    this.picture.setStrokes(await server.numbers("strokes"));
  }

  /** Take from an answer of the server what the page shows of it. */
  #heard(answer) {
    this.superpixels = answer.superpixels ?? this.superpixels;
    this.steps = { undo: answer.can_undo, redo: answer.can_redo };
    return answer;
  }

  #forgetSuggestions() {
    this.places = this.suggested = null;
  }

  async #told(act) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Superseded) return undefined; // whoever changed something asks again
      tell(error instanceof Refused ? error.message : `The page has failed: ${error.message}`);
      return false;
    }
  }
}
