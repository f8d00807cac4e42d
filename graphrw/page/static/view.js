// Where the image lies on the stage, and how large.

const LEAST = 0.05;
const MOST = 40;
const SMOOTH_UNTIL = 3; // from here on, single pixels are what one wants to see
const MARGIN = { top: 42, side: 16 }; // words lie above

export class View {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.bottom = 0;
    this.touched = false; // whether someone has moved it since it showed all
  }

  /** Show all of an image, as large as it goes, in the middle, above what lies at the `bottom` of the stage. */
  fit(width, height, bottom) {
    this.bottom = bottom;
    this.touched = false;
    const free = [this.canvas.clientWidth - 2 * MARGIN.side, this.canvas.clientHeight - MARGIN.top - bottom];
    this.scale = Math.min(MOST, Math.max(LEAST, Math.min(free[0] / width, free[1] / height)));
    this.x = MARGIN.side + (free[0] - width * this.scale) / 2;
    this.y = MARGIN.top + (free[1] - height * this.scale) / 2;
  }

  /** Zoom, so that what is at a place of the stage stays there. */
  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    this.touched = true;
    const scale = Math.min(MOST, Math.max(LEAST, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
  }

  move(x, y) {
    this.touched = true;
    this.x += x;
    this.y += y;
  }

  /** From a place on the stage to one in the image; whole numbers lie between pixels. */
  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toStage(x, y) {
    return [this.x + x * this.scale, this.y + y * this.scale];
  }

  /** Bring a place in the image to the middle, unless it is seen. */
  reveal(x, y) {
    const [left, top] = this.toStage(x, y);
    const { clientWidth, clientHeight } = this.canvas;
    if (left > 40 && top > 40 && left < clientWidth - 40 && top < clientHeight - this.bottom) return;
    this.move(clientWidth / 2 - left, clientHeight / 2 - top);
  }

  /** Draw layers, [picture, opacity], one over the other. */
  draw(layers) {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = this.scale * ratio;
    context.setTransform(scale, 0, 0, scale, this.x * ratio, this.y * ratio);
    context.imageSmoothingEnabled = scale < SMOOTH_UNTIL;
    context.imageSmoothingQuality = "high";
    for (const [picture, opacity] of layers) {
      context.globalAlpha = opacity;
      context.drawImage(picture, 0, 0);
    }
    context.globalAlpha = 1;
  }
}
