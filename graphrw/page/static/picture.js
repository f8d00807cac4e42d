// The opened image and all that lies over it.

import { Borders, Fill, Heat, Strokes } from "./layers.js";

export class Picture {
  /** `bitmap` is the image, as the browser shows it. */
  constructor(name, bitmap) {
    const { width, height } = bitmap;
    Object.assign(this, { name, bitmap, width, height });
    this.strokes = new Uint8Array(width * height);
    this.answered = false;
    this.layers = {
      fill: new Fill(width, height),
      borders: new Borders(width, height),
      heat: new Heat(width, height),
      strokes: new Strokes(width, height),
      live: new Strokes(width, height),
    };
  }

  /** How many labels have strokes. */
  get numLabels() {
    return new Set(this.strokes).size - Number(this.strokes.includes(0));
  }

  setStrokes(strokes) {
    this.strokes = strokes;
    this.layers.strokes.show(strokes);
    this.layers.live.clear();
  }

  setLabels(labels) {
    this.answered = true;
    this.layers.fill.show(labels);
    this.layers.borders.show(labels);
  }

  setUncertainty(shares) {
    this.layers.heat.show(shares);
  }

  forgetAnswer() {
    this.answered = false;
  }

  /** Show a stroke that is being made. */
  showStroke(stroke, box) {
    this.layers.live.show(stroke.mask, box);
  }

  /** A stroke is finished: its pixels hold `label`, or nothing for 0. */
  take(stroke, label) {
    const { strokes } = this;
    for (let at = stroke.top * this.width, end = (stroke.bottom + 1) * this.width; at < end; at++) {
      if (stroke.mask[at]) strokes[at] = label;
    }
    this.layers.strokes.show(strokes, [0, stroke.top - 1, this.width, stroke.bottom + 2]);
    this.layers.live.clear();
  }

  /** [picture, opacity] to draw, from below. */
  shown(view, opacity, { withStrokes = true } = {}) {
    const { fill, borders, heat, strokes, live } = this.layers;
    const result = {
      fill: [[fill.canvas, opacity], [borders.canvas, Math.min(1, 2 * opacity)]],
      borders: [[borders.canvas, Math.min(1, 2 * opacity)]],
      entropy: [[heat.canvas, Math.min(1, 0.25 + 1.2 * opacity)]],
      image: [],
    }[view];
    const drawn = withStrokes && view !== "image" ? [[strokes.canvas, 1], [live.canvas, 1]] : [[live.canvas, 1]];
    return [[this.bitmap, 1], ...(this.answered ? result : []), ...drawn];
  }

  /** A file of what is shown, in the size of the image. */
  async file(view, opacity) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d");
    for (const [picture, alpha] of this.shown(view, opacity, { withStrokes: false })) {
      context.globalAlpha = alpha;
      context.drawImage(picture, 0, 0);
    }
    return canvas.convertToBlob({ type: "image/png" });
  }
}
