// What the browser keeps for this page. One that keeps nothing (it may refuse) forgets at the next visit, and no more.

function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** What was kept under this name, for ever or for as long as the tab is open. */
export const recall = (name) => attempt(() => localStorage.getItem(`facefleet-${name}`));

/** Keeps a text for the next visit. */
export const remember = (name, text) => attempt(() => localStorage.setItem(`facefleet-${name}`, text));

/** A token: it stays in this tab and goes when the tab is closed. */
export const token = (name) => attempt(() => sessionStorage.getItem(`facefleet-${name}`));

/** Keeps a token in this tab, or forgets it with `null`. */
export const keepToken = (name, text) =>
  attempt(() => (text === null ? sessionStorage.removeItem(`facefleet-${name}`) : sessionStorage.setItem(`facefleet-${name}`, text)));
