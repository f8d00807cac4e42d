// Pictures that lie over the image, one pixel for each of its pixels, made from one byte a pixel.

import { heatPixels, labelPixels, pixel } from "./colours.js";

const SOLID = labelPixels(255);
const RIM = pixel([255, 255, 255], 225); // around strokes, so that they stand out from a result of their colour
const HEAT = heatPixels();
export const ERASING = 255; // in the mask of a stroke that erases

SOLID[ERASING] = pixel([255, 255, 255], 170);

/** A canvas of the size of the image, that paints parts of itself. */
class Layer {
  constructor(width, height) {
    this.canvas = new OffscreenCanvas(width, height);
    this.context = this.canvas.getContext("2d");
    Object.assign(this, { width, height });
  }

  /** Paint each pixel of a box with what `colour(at, column, row)` says, as a number. */
  paint(colour, [left, top, right, bottom] = [0, 0, this.width, this.height]) {
    [left, top] = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top))];
    [right, bottom] = [Math.min(this.width, Math.ceil(right)), Math.min(this.height, Math.ceil(bottom))];
    if (right <= left || bottom <= top) return;
    const image = new ImageData(right - left, bottom - top);
    const pixels = new Uint32Array(image.data.buffer);
    for (let row = top, to = 0; row < bottom; row++) {
      for (let column = left; column < right; column++, to++) pixels[to] = colour(row * this.width + column, column, row);
    }
    this.context.putImageData(image, left, top);
  }

  clear() {
    this.context.clearRect(0, 0, this.width, this.height);
  }
}

/** Labels as areas. */
export class Fill extends Layer {
  show(labels) {
    this.paint((at) => SOLID[labels[at]]);
  }
}

/** Where labels meet: a line on either side, in the colour of its label. */
export class Borders extends Layer {
  show(labels) {
    const { width, height } = this;
    this.paint((at, column, row) => {
      const label = labels[at];
      const meets =
        (column > 0 && labels[at - 1] !== label) ||
        (column < width - 1 && labels[at + 1] !== label) ||
        (row > 0 && labels[at - width] !== label) ||
        (row < height - 1 && labels[at + width] !== label);
      return meets ? SOLID[label] : 0;
    });
  }
}

/** Uncertainty as heat. */
export class Heat extends Layer {
  show(shares) {
    this.paint((at) => HEAT[shares[at]]);
  }
}

/** Strokes, with a rim. */
export class Strokes extends Layer {
  show(labels, box) {
    const { width, height } = this;
    this.paint((at, column, row) => {
      if (labels[at]) return SOLID[labels[at]];
      const beside =
        (column > 0 && labels[at - 1]) ||
        (column < width - 1 && labels[at + 1]) ||
        (row > 0 && labels[at - width]) ||
        (row < height - 1 && labels[at + width]);
      return beside ? RIM : 0;
    }, box);
  }
}
