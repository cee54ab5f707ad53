// The connection to the master. It comes back by itself, however long the master is away.

/** The master sends a view a second; without one for so long the connection counts as broken. */
const SILENCE_MS = 4000;
/** From the loss to the first new attempt, and between later ones at most. */
const FIRST_RETRY_MS = 400;
const LAST_RETRY_MS = 3000;

/** Listens to the master from now on: `onView` gets each view, `onAway` is called once each time it is lost. */
export function connect(onView, onAway) {
  let source = null;
  let wait = FIRST_RETRY_MS;
  let watchdog = 0;
  let retry = 0;
  let away = false;

  function open() {
    source = new EventSource("api/events");
    source.addEventListener("view", (event) => {
      wait = FIRST_RETRY_MS;
      away = false;
      expect();
      onView(JSON.parse(event.data));
    });
    // The browser's own attempts end for good at an answer such as 503, and differ between browsers.
    source.addEventListener("error", lost);
    expect();
  }

  function expect() {
    clearTimeout(watchdog);
    watchdog = setTimeout(lost, SILENCE_MS);
  }

  function close() {
    clearTimeout(watchdog);
    clearTimeout(retry);
    source.close();
  }

  function lost() {
    close();
    if (!away) onAway();
    away = true;
    // Not all browsers of a classroom at once.
    retry = setTimeout(open, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LAST_RETRY_MS);
  }

  // A page that the browser keeps for the way back keeps its connection, too, and there are six for all pages of a site.
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => persisted && open());

  open();
}

/** What the master says at this path, as JSON, or `null` while it is away. */
export async function ask(path) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(SILENCE_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
