// The entry point: passes each view of the master to the parts of the page.
import { action, onAdmin, setAllowed, showAdmin } from "./admin.js";
import { giveColours } from "./colours.js";
import { ask, connect } from "./connection.js";
import { showHistory } from "./charts.js";
import { forgetDecisions, settingName, showDecisions } from "./decisions.js";
import { attribute, byId, say, show } from "./dom.js";
import { repaintFlow, showFlow } from "./flow.js";
import { byName, clock, count, duration, millis, number, rate } from "./format.js";
import { applyLanguage, nextLanguage, onLanguage, t } from "./i18n.js";
import { recall, remember } from "./storage.js";
import { showLive } from "./live.js";
import { showStreams } from "./streams.js";
import { changesOf, setAction, showWorkers } from "./workers.js";

let view = null;
let away = false;
let paused = false;
let epoch = null;
let historyDue = 0;

function arrived(next) {
  if (away) announce(t("back"));
  const another = next.epoch !== epoch;
  if (another || away) begin(another);
  epoch = next.epoch;
  away = false;
  view = sorted(next);
  render();
}

/** Fetches what views do not contain, after a connection to a master. */
function begin(another) {
  if (another) forgetDecisions();
  historyDue = 0;
  ask("api/about").then((about) => {
    if (!about) return;
    say(byId("master-name"), about.name);
    setAllowed(about.admin);
  });
}

/** Returns the view with its workers ordered by name, each with a unique key. */
function sorted(next) {
  const workers = [...next.workers].sort((a, b) => byName(a.name, b.name) || a.id - b.id);
  workers.forEach((worker, at) => (worker.key = workers[at - 1]?.name === worker.name ? `${worker.name} #${worker.id}` : worker.name));
  return { ...next, workers };
}

function render() {
  banner();
  if (!view || paused || document.hidden) return;
  giveColours(view.workers.map((worker) => worker.name));
  document.body.classList.remove("loading");
  figures();
  showWorkers(view.workers);
  showStreams(view.streams);
  showDecisions(view.decisions);
  showFlow(view);
  showAdmin(view);
  showLive(view);
  const changes = changesOf(view.workers);
  if (changes) announce(changes);
  history();
}

function figures() {
  const streams = view.streams.filter((stream) => !stream.ended);
  const serving = view.workers.filter((worker) => worker.state === "healthy" || worker.state === "slow");
  const slowest = Math.max(...streams.map((stream) => stream.p95_ms ?? -1));
  const sum = (items, of) => items.reduce((all, item) => all + (of(item) ?? 0), 0);
  say(byId("f-rate"), rate(sum(view.workers.filter((worker) => worker.state !== "lost"), (worker) => worker.frames_per_s)));
  say(byId("f-p95"), millis(slowest < 0 ? null : slowest));
  say(byId("f-workers"), t("figures.of", { n: number(serving.length), all: number(view.workers.length) }));
  const counts = { n: number(streams.length), waiting: number(view.waiting) };
  say(byId("f-streams"), view.waiting ? t("figures.waiting", counts) : counts.n);
  say(byId("f-faces"), count(sum(view.streams, (stream) => stream.faces)));
  say(byId("f-policy"), settingName(view.policy));
  say(byId("f-admission"), settingName(view.admission));
  say(byId("master-facts"), t("master.facts", { version: view.version, time: duration(view.uptime_ms) }));
}

/** Shows problems that concern the whole page, above all a lost connection. */
function banner() {
  const lines = [];
  if (away) lines.push(view ? t("away", { time: clock(view.time_ms) }) : t("away.first"));
  if (paused && view) lines.push(t("paused", { time: byId("pause").dataset.at }));
  if (view?.stale_ms != null) lines.push(t("stale", { time: duration(view.stale_ms) }));
  if (view?.vanished) lines.push(t("vanished", { n: view.vanished }));
  say(byId("banner"), lines.join(" "));
  show(byId("banner"), lines.length > 0);
  document.body.classList.toggle("away", away);
}

function announce(text) {
  say(byId("announcer"), text);
}

/** Fetches the history when a new step of it is complete. */
function history() {
  if (view.time_ms < historyDue) return;
  historyDue = Infinity;
  ask("api/history").then((history) => {
    historyDue = history ? history.end_ms + history.step_ms : 0;
    if (history) showHistory(history);
  });
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  attribute(byId("theme"), "data-i18n", dark ? "theme.light" : "theme.dark");
  say(byId("theme"), t(byId("theme").dataset.i18n));
  repaintFlow();
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (recall("theme") ?? (prefersDark.matches ? "dark" : "light")) === "dark";
prefersDark.addEventListener("change", () => setTheme(isDark()));
byId("theme").addEventListener("click", () => {
  remember("theme", isDark() ? "light" : "dark");
  setTheme(isDark());
});

byId("language").addEventListener("click", nextLanguage);
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").dataset.at = view ? clock(view.time_ms) : "";
  attribute(byId("pause"), "aria-pressed", String(paused));
  render();
});
document.addEventListener("visibilitychange", render);
onLanguage(() => {
  say(byId("language"), document.documentElement.lang === "en" ? "中文" : "English");
  attribute(byId("language"), "lang", document.documentElement.lang === "en" ? "zh" : "en");
  if (view) render();
});
onAdmin(() => {
  setAction(action());
  if (view) showWorkers(view.workers);
});

applyLanguage();
setTheme(isDark());
setAllowed(false);
connect(arrived, () => {
  away = true;
  render();
});
