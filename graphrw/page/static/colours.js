// Colours that people with any colour vision tell apart: Okabe and Ito (2008), their grey added.

export const LABELS = ["#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999", "#000000"];

const HEAT = [[11, 7, 36], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];

/** A label's colour; labels beyond the ninth, which only a log can hold, begin again. */
export const ofLabel = (label) => LABELS[(label - 1) % LABELS.length];

/** Black or white, whichever is read better on a colour. */
export function inkOn(colour) {
  const [red, green, blue] = channels(colour);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#16181b" : "#ffffff";
}

/** 256 pixels, each as a number for a Uint32Array over ImageData, of labels at an opacity from 0 to 255; 0 is clear. */
export function labelPixels(opacity) {
  return Uint32Array.from({ length: 256 }, (_, label) => (label ? pixel(channels(ofLabel(label)), opacity) : 0));
}

/** The same for shares of uncertainty: dark where there is none, bright where there is most. */
export function heatPixels() {
  return Uint32Array.from({ length: 256 }, (_, share) => {
    const at = (share / 255) * (HEAT.length - 1);
    const low = Math.min(HEAT.length - 2, Math.floor(at));
    const mix = HEAT[low].map((value, channel) => value + (at - low) * (HEAT[low + 1][channel] - value));
    return pixel(mix.map(Math.round), 255);
  });
}

export function pixel([red, green, blue], opacity) {
  return ((opacity << 24) | (blue << 16) | (green << 8) | red) >>> 0; // ImageData is RGBA, machines little-endian
}

function channels(colour) {
  return [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
}
