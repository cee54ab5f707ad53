// The cards of the workers.
import { attribute, byId, fill, keyed, say, show, stamp } from "./dom.js";
import { celsius, duration, number, percent, percentiles, rate } from "./format.js";
import { has, t, translate } from "./i18n.js";
import { colourOf } from "./colours.js";

/** With more workers than this, their cards are small. */
const MANY = 24;
/** How many points the line on a card has: one per second for a minute. */
const POINTS = 60;

const list = byId("workers");
const details = byId("details");
let states = new Map();
let act = null;

/** Sets the function for the buttons of the cards: `(change, name of the worker)`, or `null` while changes are impossible. */
export function setAction(action) {
  act = action;
}

details.addEventListener("click", () => {
  attribute(details, "aria-pressed", String(details.getAttribute("aria-pressed") !== "true"));
  list.classList.toggle("compact", details.getAttribute("aria-pressed") !== "true");
});

/** Shows the workers, which must be sorted and have unique keys. */
export function showWorkers(workers) {
  const many = workers.length > MANY;
  show(details, many);
  list.classList.toggle("compact", many && details.getAttribute("aria-pressed") !== "true");
  show(byId("no-workers"), workers.length === 0);
  say(byId("workers-count"), counted(workers));
  keyed(list, workers, (worker) => worker.key, create, update);
}

function counted(workers) {
  const words = ["healthy", "slow", "draining", "resting", "lost"];
  const counts = words.map((word) => [word, workers.filter((worker) => worker.state === word).length]);
  return counts.filter(([, count]) => count > 0).map(([word, count]) => `${count} ${t(`state.${word}`)}`).join(" · ");
}

function create(worker) {
  const card = stamp("t-worker", translate);
  card.past = [];
  card.name = worker.name;
  card.parts.rest.addEventListener("click", () => act?.(card.parts.rest.dataset.change, card.name));
  return card;
}

function update(card, worker) {
  const { node, parts } = card;
  attribute(node, "data-state", worker.state);
  attribute(parts.swatch, "data-colour", colourOf(worker.name));
  attribute(parts.icon, "href", `#i-${worker.state}`);
  say(parts.name, worker.name);
  attribute(parts.name, "title", worker.name);
  say(parts.word, t(`state.${worker.state}`));
  say(parts.where, where(worker));
  say(parts.rate, rate(worker.frames_per_s));
  say(parts.time, percentiles(worker.p50_ms, worker.p95_ms));
  say(parts.flight, worker.in_flight == null ? "–" : `${number(worker.in_flight)} (${number(worker.queued)})`);
  say(parts.cpu, percent(worker.cpu_percent));
  fill(parts["cpu-bar"], worker.cpu_percent / 100);
  say(parts.memory, percent(worker.memory_percent));
  fill(parts["memory-bar"], worker.memory_percent / 100);
  say(parts.temperature, celsius(worker.temperature_c));
  say(parts.frames, [worker.frames_ok, worker.frames_dropped, worker.frames_failed].map((n) => number(n)).join(" / "));
  say(parts.slots, `${number(worker.slots_taken)} / ${number(worker.slots)}`);
  show(parts.slots.parentElement, worker.slots > 0);
  const held = worker.held_back_by.map((what) => (has(`held.${what}`) ? t(`held.${what}`) : what)).join(", ");
  say(parts.held, worker.state === "lost" ? t("workers.lost", { time: duration(worker.silent_ms) }) : t("workers.held", { what: held }));
  show(parts.held, worker.state === "lost" || held !== "");
  offer(parts.rest, worker);
  draw(card, worker);
}

function where(worker) {
  const parts = [worker.address, worker.cores ? t("workers.cores", { n: worker.cores }) : "", worker.version ? t("workers.version", worker) : ""];
  return [...parts, worker.detectors.join(", ")].filter(Boolean).join(" · ");
}

function offer(button, worker) {
  const change = worker.state === "resting" ? "resume" : "rest";
  show(button, act !== null && (change === "resume" || worker.state === "healthy" || worker.state === "slow"));
  attribute(button, "data-change", change);
  say(button, t(`workers.${change}`));
  attribute(button, "aria-label", t(`workers.${change}.of`, worker));
}

/** Draws frames per second in the last minute, scaled to their maximum. */
function draw(card, worker) {
  if (card.shown === worker) return;
  card.shown = worker;
  card.past.push(worker.frames_per_s ?? 0);
  if (card.past.length > POINTS) card.past.shift();
  const top = Math.max(1, ...card.past);
  const from = POINTS - card.past.length;
  const points = card.past.map((value, at) => `${from + at + 1} ${(19 - (value / top) * 18).toFixed(1)}`);
  attribute(card.parts.spark, "d", `M${points.join("L")}`);
}

/** Returns a text for screen readers about workers that were lost or came back since the last call. */
export function changesOf(workers) {
  const before = states;
  states = new Map(workers.map((worker) => [worker.key, worker.state === "lost"]));
  const turned = (lost) => workers.filter((worker) => before.has(worker.key) && before.get(worker.key) !== lost && states.get(worker.key) === lost);
  return [...tell("lost", turned(true)), ...tell("back", turned(false))].join(" ");
}

function tell(what, workers) {
  if (workers.length > 3) return [t(`now.${what}.many`, { n: workers.length })];
  return workers.map((worker) => t(`now.${what}`, worker));
}
