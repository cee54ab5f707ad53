// Charts of the last ten minutes: frames per second by worker, latency, and dropped frames by reason.
import { byId, drawn, element, say } from "./dom.js";
import { byName, millis, number, rate } from "./format.js";
import { onLanguage, t } from "./i18n.js";
import { colourOf } from "./colours.js";
import { reasonName } from "./streams.js";

const MARGIN = { left: 46, right: 10, top: 20, bottom: 24 };
const MINUTE_MS = 60_000;
/** Minutes between the labels of the time axis. */
const EVERY_MIN = 2;
/** Minutes between the labels on a narrow chart. */
const EVERY_MIN_NARROW = 5;
/** A chart of fewer pixels is narrow. */
const NARROW = 460;

let history = null;

/** Shows a history, and draws it again whenever the language or the width of the page changes. */
export function showHistory(next) {
  history = next;
  draw();
}

onLanguage(draw);
new ResizeObserver(draw).observe(byId("chart-rate"));

function draw() {
  if (!history) return;
  drawRate(chart("chart-rate"));
  drawTime(chart("chart-p95"));
  drawDrops(chart("chart-drops"));
}

/** Creates an empty chart with the size that it has on the screen, so that its letters are not stretched. */
function chart(id) {
  const figure = byId(id);
  const width = Math.max(240, Math.round(figure.clientWidth - 2 * parseFloat(getComputedStyle(figure).paddingInlineStart)));
  const height = Math.round(Math.min(260, Math.max(180, width * 0.46)));
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", width, height });
  figure.querySelector("svg")?.remove();
  figure.querySelector("ul")?.remove();
  figure.append(svg);
  return { figure, svg, width, height };
}

/** Returns the end of an axis, the next round number from `most` up, and into how many round parts it is divided. */
function scale(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const [factor, parts] = [[1, 5], [2, 4], [3, 3], [4, 4], [5, 5], [6, 3], [8, 4], [10, 5]].find(([factor]) => factor * unit >= most);
  return { top: unit * factor, parts };
}

/** Draws both axes and returns the functions that place values and steps. */
function axes({ svg, width, height }, most, unit, steps) {
  const { top, parts } = scale(most);
  const [left, right, bottom] = [MARGIN.left, width - MARGIN.right, height - MARGIN.bottom];
  const y = (value) => bottom - (value / top) * (bottom - MARGIN.top);
  const x = (step) => left + (step / (steps - 1)) * (right - left);
  svg.append(drawn("text", { x: 0, y: 10, class: "unit" }, unit));
  for (let tick = 0; tick <= parts; tick++) {
    const value = (top * tick) / parts;
    svg.append(drawn("path", { d: `M${left} ${y(value)}H${right}`, class: tick ? "grid" : "axis" }));
    svg.append(drawn("text", { x: left - 6, y: y(value) + 4, class: "end" }, number(value, Number.isInteger(value) ? 0 : 1)));
  }
  const whole = (steps * history.step_ms) / MINUTE_MS;
  for (let minutes = 0; minutes <= whole; minutes += width < NARROW ? EVERY_MIN_NARROW : EVERY_MIN) {
    const at = x((steps - 1) * (1 - minutes / whole));
    const text = minutes === 0 ? t("charts.now") : `−${minutes} ${t("unit.min")}`;
    const anchor = minutes === 0 ? "end" : minutes === whole ? "start" : "middle";
    svg.append(drawn("path", { d: `M${at} ${bottom}v4`, class: "axis" }));
    svg.append(drawn("text", { x: at, y: height - 6, "text-anchor": anchor }, text));
  }
  return { x, y };
}

function finish({ figure, svg, width, height }, summary, entries, empty) {
  say(figure.querySelector("p"), summary);
  svg.setAttribute("aria-label", `${figure.querySelector("h3").textContent}. ${summary}`);
  if (empty) svg.append(drawn("text", { x: (MARGIN.left + width) / 2, y: height / 2, "text-anchor": "middle", class: "nothing" }, empty));
  const legend = element("ul", "legend");
  for (const [name, colour, value] of entries) {
    const entry = element("li");
    const swatch = element("span", "swatch");
    swatch.dataset.colour = colour;
    entry.append(swatch, element("span", "name", name), element("span", "value", value));
    legend.append(entry);
  }
  if (entries.length) figure.append(legend);
}

const last = (values) => values.at(-1);
const most = (values) => Math.max(0, ...values.filter((value) => value != null));

/** Returns one layer for each worker that has its own colour, and one for all others. The first is at the bottom. */
function layers() {
  const steps = history.p95_ms.length;
  const others = new Array(steps).fill(0);
  const own = [];
  for (const name of Object.keys(history.workers).sort(byName)) {
    const colour = colourOf(name);
    const values = history.workers[name].map((value) => value ?? 0);
    if (colour === "c0") values.forEach((value, step) => (others[step] += value));
    else own.push([name, colour, values]);
  }
  return others.some((value) => value > 0) ? [...own, [t("charts.others"), "c0", others]] : own;
}

function drawRate(target) {
  const stack = layers();
  const steps = history.p95_ms.length;
  let base = new Array(steps).fill(0);
  const tops = stack.map(([, , values]) => (base = base.map((value, step) => value + values[step])));
  const { x, y } = axes(target, most(base), t("charts.axis.rate"), steps);
  stack.forEach(([name, colour], layer) => {
    const below = layer ? tops[layer - 1] : new Array(steps).fill(0);
    const upper = tops[layer].map((value, step) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`);
    const lower = below.map((value, step) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`).reverse();
    target.svg.append(drawn("path", { d: `M${upper.join("L")}L${lower.join("L")}Z`, class: "area", "data-colour": colour }));
    const [from, to] = [y(below[steps - 1]), y(tops[layer][steps - 1])];
    // A layer that is high enough shows the name of its worker, because not everybody can distinguish the colours.
    if (from - to > 15) target.svg.append(drawn("text", { x: x(steps - 1) - 6, y: (from + to) / 2 + 4, class: "end inside" }, name));
  });
  const summary = t("charts.says.rate", { now: rate(last(base)), most: rate(most(base)) });
  const entries = stack.map(([name, colour, values]) => [name, colour, rate(last(values))]).reverse();
  finish(target, summary, entries, most(base) > 0 ? "" : t("charts.empty"));
}

function drawTime(target) {
  const values = history.p95_ms;
  const { x, y } = axes(target, most(values), t("charts.axis.p95"), values.length);
  const at = (step) => `${x(step).toFixed(1)} ${y(values[step]).toFixed(1)}`;
  let path = "";
  values.forEach((value, step) => {
    if (value == null) return;
    // A point between two gaps becomes a line of length 0, which its round ends make visible.
    path += values[step - 1] == null ? `M${at(step)}h0` : `L${at(step)}`;
  });
  target.svg.append(drawn("path", { d: path, class: "line" }));
  const known = values.some((value) => value != null);
  const summary = known ? t("charts.says.p95", { now: millis(last(values)), most: millis(most(values)) }) : t("charts.says.none");
  finish(target, summary, [], known ? "" : t("charts.empty"));
}

function drawDrops(target) {
  const reasons = Object.entries(history.drops).filter(([, counts]) => most(counts) > 0).sort(([a], [b]) => byName(a, b));
  const steps = history.p95_ms.length;
  const sums = Array.from({ length: steps }, (_, step) => reasons.reduce((sum, [, counts]) => sum + (counts[step] ?? 0), 0));
  const { x, y } = axes(target, most(sums), t("charts.axis.drops", { s: number(history.step_ms / 1000) }), steps);
  const width = Math.max(1, (x(1) - x(0)) * 0.8);
  const below = new Array(steps).fill(0);
  reasons.forEach(([, counts], which) => {
    let path = "";
    counts.forEach((count, step) => {
      if (!count) return;
      const left = Math.max(MARGIN.left, x(step) - width / 2).toFixed(1);
      path += `M${left} ${y(below[step]).toFixed(1)}V${y((below[step] += count)).toFixed(1)}h${width.toFixed(1)}V${y(below[step] - count).toFixed(1)}Z`;
    });
    target.svg.append(drawn("path", { d: path, class: "area", "data-colour": `c${8 - (which % 8)}` }));
  });
  const sum = (counts) => counts.reduce((all, count) => all + (count ?? 0), 0);
  const all = sum(sums);
  const entries = reasons.map(([reason, counts], which) => [reasonName(reason), `c${8 - (which % 8)}`, number(sum(counts))]);
  finish(target, t("charts.says.drops", { n: all }), entries, all ? "" : t("charts.empty.drops"));
}
