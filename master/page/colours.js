// Which colour stands for which worker, the same one on its card, in the chart and in the picture of the flow.

/** How many workers have a colour of their own; the others share a grey. */
export const COLOURS = 8;

const given = new Map();

/** Gives colours to workers that have none yet, as long as there are any. Names come in the order of the cards. */
export function giveColours(names) {
  for (const name of names) {
    if (given.size === COLOURS) return;
    if (!given.has(name)) given.set(name, `c${given.size + 1}`);
  }
}

/** The worker's colour, as a name of the stylesheet's. */
export const colourOf = (worker) => given.get(worker) ?? "c0";
