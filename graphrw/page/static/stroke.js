// A stroke of a round brush, from the moment it touches the image.

export class Stroke {
  /** `value` is what its pixels hold in `mask`; `radius` in pixels of the image. */
  constructor(width, height, radius, value) {
    Object.assign(this, { width, height, radius, value });
    this.mask = new Uint8Array(width * height);
    this.last = null;
    this.top = height;
    this.bottom = -1;
  }

  /** Go on to a place, and return the box that has changed: [left, top, right, bottom], the last two outside it. */
  lineTo(x, y) {
    const [fromX, fromY] = this.last ?? [x, y];
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(0.5, this.radius / 4)));
    for (let step = 1; step <= steps; step++) {
      this.#dab(fromX + ((x - fromX) * step) / steps, fromY + ((y - fromY) * step) / steps);
    }
    this.last = [x, y];
    const reach = this.radius + 1;
    return [Math.min(x, fromX) - reach, Math.min(y, fromY) - reach, Math.max(x, fromX) + reach, Math.max(y, fromY) + reach];
  }

  /** [[first, length], …] of its pixels, row by row, as the server takes them. */
  runs() {
    const { mask, width } = this;
    const runs = [];
    for (let at = this.top * width, end = (this.bottom + 1) * width; at < end; at++) {
      if (!mask[at]) continue;
      const first = at;
      while (at < end && mask[at]) at++;
      runs.push([first, at - first]);
    }
    return runs;
  }

  #dab(x, y) {
    const { mask, width, height, radius, value } = this;
    const top = Math.max(0, Math.ceil(y - radius - 0.5));
    const bottom = Math.min(height - 1, Math.floor(y + radius - 0.5));
    for (let row = top; row <= bottom; row++) {
      const half = Math.sqrt(Math.max(0, radius ** 2 - (row + 0.5 - y) ** 2));
      this.#fill(row, Math.ceil(x - half - 0.5), Math.floor(x + half - 0.5), value);
    }
    this.#fill(Math.floor(y), Math.floor(x), Math.floor(x), value); // however thin the brush, where it touches
  }

  #fill(row, left, right, value) {
    if (row < 0 || row >= this.height || right < 0 || left >= this.width || right < left) return;
    const start = row * this.width;
    this.mask.fill(value, start + Math.max(0, left), start + Math.min(this.width - 1, right) + 1);
    this.top = Math.min(this.top, row);
    this.bottom = Math.max(this.bottom, row);
  }
}
