// Settings and tokens in the storage of the browser. Without storage, which a browser may refuse, only the next visit forgets them.

function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Reads a setting of an earlier visit, or `null`. */
export const recall = (name) => attempt(() => localStorage.getItem(`facefleet-${name}`));

/** Stores a setting for the next visit. */
export const remember = (name, text) => attempt(() => localStorage.setItem(`facefleet-${name}`, text));

/** Reads a token, which is stored until the tab is closed. */
export const token = (name) => attempt(() => sessionStorage.getItem(`facefleet-${name}`));

/** Stores a token until the tab is closed, or removes it with `null`. */
export const keepToken = (name, text) =>
  attempt(() => (text === null ? sessionStorage.removeItem(`facefleet-${name}`) : sessionStorage.setItem(`facefleet-${name}`, text)));
