// The colour of each worker, which is the same on its card, in the charts and in the picture of the flow.

/** How many workers have their own colour; the others share a grey. */
export const COLOURS = 8;

const given = new Map();

/** Assigns colours to workers that have none yet, while colours are left. Names are in the order of the cards. */
export function giveColours(names) {
  for (const name of names) {
    if (given.size === COLOURS) return;
    if (!given.has(name)) given.set(name, `c${given.size + 1}`);
  }
}

/** Returns the colour of a worker, as a name in the stylesheet. */
export const colourOf = (worker) => given.get(worker) ?? "c0";
