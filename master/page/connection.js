// The connection to the master. It is restored automatically, however long the master is unreachable.

/** The connection counts as broken without a view for this long. The master sends one every second. */
const SILENCE_MS = 4000;
/** Time from the loss of the connection to the first new attempt. */
const FIRST_RETRY_MS = 400;
/** Longest time between two attempts. */
const LAST_RETRY_MS = 3000;

/** Connects to the master. `onView` receives every view; `onAway` is called once each time the connection is lost. */
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
    // The browser's own retries differ between browsers, and stop forever at an answer such as 503.
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
    // The random part keeps many browsers, as in a classroom, from reconnecting all at once.
    retry = setTimeout(open, wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, LAST_RETRY_MS);
  }

  // The browser may keep a page that was left for its back button, and its connection with it. It allows only six for a site.
  addEventListener("pagehide", close);
  addEventListener("pageshow", ({ persisted }) => persisted && open());

  open();
}

/** Fetches JSON from the master, or `null` if it does not answer. */
export async function ask(path) {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(SILENCE_MS) });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}
