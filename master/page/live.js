// The live view: thumbnails of the streams that are visible on the screen, and one of them in large.
import { byId, keyed, say, show, stamp } from "./dom.js";
import { byName } from "./format.js";
import { onLanguage, t, translate } from "./i18n.js";
import { keepToken, token } from "./storage.js";

/** The most workers that are asked for their streams. */
const WORKERS = 12;
/** The most thumbnails that are requested at the same time. */
const AT_ONCE = 4;
/** Time between two pictures of a thumbnail. */
const PICTURE_MS = 1000;
/** Time between two requests for the streams of a worker. */
const LIST_MS = 3000;
/** Pause after a request for a thumbnail without a new picture, so that other thumbnails get their turn. */
const IDLE_MS = 5000;
/** Timeout of a request for a picture. It is longer than the time for which a worker waits for a new picture. */
const PATIENCE_MS = 7000;

const section = document.querySelector(".live");
const dialog = byId("large");
const tiles = new Map();
const asked = new Map();
/** Workers that refused pictures: the name of the text that explains why, its number of seconds, and until when they are not asked again. */
const refusals = new Map();
/** Workers that accepted the current token. Only they are asked for pictures, so that a wrong token is tried only once. */
const open = new Set();
let workers = [];
let visible = false;
let hidden = false;
let waiting = 0;
let large = null;

const headers = () => (token("live") ? { Authorization: `Bearer ${token("live")}` } : {});
const looking = () => visible && !hidden && !document.hidden;

/** Updates which workers show pictures. */
export function showLive(view) {
  const able = view.workers.filter((worker) => worker.live && worker.state !== "lost");
  const shown = new Set([...tiles.values()].map((tile) => tile.worker));
  workers = able.filter((worker) => worker.frames_per_s > 0 || shown.has(worker.name)).slice(0, WORKERS);
  const facts = [t("live.privacy"), t("live.set", { n: able.length, all: view.workers.length })];
  if (token("live")) facts.push(t("live.token.kept"));
  if (location.protocol === "http:" && !["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)) facts.push(t("live.open"));
  if (able.length > WORKERS) facts.push(t("live.first", { n: WORKERS }));
  say(byId("live-privacy"), facts.join(" "));
  show(byId("live-switch"), able.length > 0);
  look();
}

function look() {
  for (const name of [...asked.keys()]) {
    if (workers.some((worker) => worker.name === name)) continue;
    asked.delete(name);
    refusals.delete(name);
    open.delete(name);
    for (const [key, tile] of tiles) if (tile.worker === name) drop(key);
  }
  if (looking()) for (const { name } of workers) if (isDue(name)) list(name);
  sayProblem();
  arrange();
}

const isDue = (worker) => !(Date.now() - asked.get(worker) < LIST_MS) && !(Date.now() < refusals.get(worker)?.until);

/** Requests the streams of a worker. */
async function list(worker) {
  asked.set(worker, Date.now());
  const answer = await get(worker, `live/${encodeURIComponent(worker)}`, { Accept: "application/json" });
  if (!answer?.ok) return;
  open.add(worker);
  const { streams } = await answer.json();
  for (const [key, tile] of tiles) if (tile.worker === worker && !streams.some((stream) => stream.id === tile.stream)) drop(key);
  for (const { id, name } of streams) {
    const key = `${worker} ${id}`;
    if (!tiles.has(key)) tiles.set(key, { key, worker, stream: id, name, path: `live/${encodeURIComponent(worker)}/${encodeURIComponent(id)}/picture.jpg`, after: 0, url: null, next: 0, busy: false, inView: false, row: null });
  }
  arrange();
}

/** Sends a request and returns the answer, or `null` without one. If the answer demands a token, the form for it appears. */
async function get(worker, path, more = {}) {
  const shown = token("live");
  try {
    const answer = await fetch(path, { headers: { ...headers(), ...more }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    // The answer to a request with another token says nothing about the current one.
    if (token("live") !== shown) return null;
    if ([401, 403, 429].includes(answer.status)) refuse(worker, answer);
    else if (answer.ok && refusals.delete(worker)) sayProblem();
    return answer;
  } catch {
    return null;
  }
}

/**
 * Handles a refusal. 401: the token is missing or wrong. 403: the worker has no token and shows pictures only on its own machine.
 * 429: too many wrong tokens were tried, and the worker accepts the next one later. The worker is not asked again until then, or
 * until another token is entered.
 */
function refuse(worker, { status, headers: said }) {
  const why = { 403: "live.unset", 429: "live.slow" }[status] ?? (token("live") ? "live.wrong" : "live.needs");
  const seconds = Number(said.get("Retry-After")) || 10;
  open.delete(worker);
  refusals.set(worker, { why, seconds, until: status === 429 ? Date.now() + seconds * 1000 : Infinity });
  for (const [key, tile] of tiles) if (tile.worker === worker) drop(key);
  sayProblem();
  arrange();
}

/** Shows why pictures are missing, and the form for the token if a token would help. */
function sayProblem() {
  const problems = new Map();
  for (const { why, seconds } of refusals.values()) problems.set(why, Math.max(seconds, problems.get(why) ?? 0));
  show(byId("live-form"), [...problems.keys()].some((why) => why !== "live.unset"));
  show(byId("live-problem"), problems.size > 0);
  say(byId("live-problem"), [...problems].map(([why, n]) => t(why, { n })).join(" "));
}

function drop(key) {
  const tile = tiles.get(key);
  tiles.delete(key);
  if (tile.url) URL.revokeObjectURL(tile.url);
  if (tile.row) observer.unobserve(tile.row.node);
  if (large === tile) dialog.close();
}

function arrange() {
  const shown = hidden ? [] : [...tiles.values()].sort((a, b) => byName(a.name, b.name) || byName(a.worker, b.worker));
  show(byId("no-live"), shown.length === 0);
  say(byId("no-live"), t(hidden ? "live.hidden" : "live.none"));
  keyed(byId("live"), shown, (tile) => tile.key, create, update);
  pump();
}

function create(tile) {
  tile.row = stamp("t-tile", translate);
  tile.row.parts.open.addEventListener("click", () => enlarge(tile));
  rows.set(tile.row.node, tile);
  observer.observe(tile.row.node);
  return tile.row;
}

function update({ parts }, tile) {
  say(parts.name, t("live.of", { stream: tile.name, worker: tile.worker }));
  parts.picture.alt = t("live.alt", { stream: tile.name, worker: tile.worker });
  say(parts.said, tile.url ? "" : t(tile.after === null ? "live.gone" : "live.waiting"));
}

/** Requests the pictures that are due, starting with the one that has waited longest. */
function pump() {
  if (!looking()) return;
  const now = performance.now();
  const due = [...tiles.values()].filter((tile) => open.has(tile.worker) && tile.inView && !tile.busy && tile !== large && tile.next <= now);
  for (const tile of due.sort((a, b) => a.next - b.next).slice(0, AT_ONCE - waiting)) picture(tile);
}

async function picture(tile) {
  waiting += 1;
  tile.next = performance.now() + PICTURE_MS;
  if (!(await fetchInto(tile))) tile.next = performance.now() + IDLE_MS;
  waiting -= 1;
  setTimeout(pump, Math.max(0, tile.next - performance.now()));
}

/** Waits for a picture that is newer than the one that is shown. Returns whether one arrived. */
async function fetchInto(tile) {
  tile.busy = true;
  const answer = await get(tile.worker, `${tile.path}?after=${tile.after ?? 0}`);
  const blob = answer?.status === 200 ? await answer.blob().catch(() => null) : null;
  tile.busy = false;
  if (!blob || !tiles.has(tile.key)) return false;
  tile.after = answer.headers.get("X-Picture") ?? 0;
  const old = tile.url;
  tile.url = URL.createObjectURL(blob);
  if (tile.row) tile.row.parts.picture.src = tile.url;
  if (tile.row) update(tile.row, tile);
  if (large === tile) byId("large-picture").src = tile.url;
  if (old) URL.revokeObjectURL(old);
  return true;
}

/** Shows one stream in large, with every picture as soon as it is available. */
async function enlarge(tile) {
  large = tile;
  say(byId("large-title"), t("live.of", { stream: tile.name, worker: tile.worker }));
  byId("large-picture").alt = t("live.alt", { stream: tile.name, worker: tile.worker });
  if (tile.url) byId("large-picture").src = tile.url;
  say(byId("large-said"), t("live.privacy"));
  dialog.showModal();
  while (large === tile) {
    const came = open.has(tile.worker) && !tile.busy && !document.hidden && (await fetchInto(tile));
    if (!came) await new Promise((resume) => setTimeout(resume, PICTURE_MS));
  }
}

dialog.addEventListener("close", () => {
  large = null;
  byId("large-picture").removeAttribute("src");
});
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
byId("large-close").addEventListener("click", () => dialog.close());

byId("live-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken("live", byId("live-token").value);
  byId("live-token").value = "";
  asked.clear();
  refusals.clear();
  open.clear();
  look();
});

byId("live-switch").addEventListener("click", () => {
  hidden = !hidden;
  byId("live-switch").setAttribute("aria-pressed", String(hidden));
  arrange();
});

const rows = new WeakMap();
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const tile = rows.get(entry.target);
    if (tile) tile.inView = entry.isIntersecting;
  }
  pump();
});
new IntersectionObserver(([entry]) => {
  visible = entry.isIntersecting;
  if (visible) look();
}).observe(section);
document.addEventListener("visibilitychange", look);
onLanguage(look);
