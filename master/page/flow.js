// Animated frames: a dot for each frame that was answered since the last view, moving to the worker and back.
import { byId, say } from "./dom.js";
import { number } from "./format.js";
import { onLanguage, t } from "./i18n.js";
import { drawCluster, flows, prepare } from "./topology.js";

/** How long a dot moves to a worker and back. */
const JOURNEY_MS = 2400;
/** The largest number of dots per second. With more frames, one dot stands for several of them. */
const DOTS_A_SECOND = 120;

const canvas = byId("flow-dots");
const still = matchMedia("(prefers-reduced-motion: reduce)");
let shown = null;
let before = null;
let dots = [];
let running = false;
let onScreen = true;

/** Draws the cluster of a view, and starts the dots of its frames. */
export function showFlow(view) {
  if (view === before) return void redraw();
  const flowing = flows(before, view);
  const seconds = Math.max(0.2, before ? (view.time_ms - before.time_ms) / 1000 : 1);
  shown = { view, flowing, seconds };
  before = view;
  depart(redraw(), seconds);
}

function redraw() {
  if (!shown) return [];
  const { view, flowing, seconds } = shown;
  const lines = drawCluster(view, flowing, seconds);
  say(byId("flow-legend"), legend(flowing, seconds));
  return lines;
}

const framesADot = (frames, seconds) => {
  const needed = frames / seconds / DOTS_A_SECOND;
  return [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => size >= needed) ?? 1000;
};

const sum = (flowing) => flowing.reduce((all, { frames }) => all + frames, 0);

function legend(flowing, seconds) {
  if (still.matches) return t("flow.still");
  if (sum(flowing) === 0) return t("flow.none");
  const size = framesADot(sum(flowing), seconds);
  return size === 1 ? t("flow.one") : t("flow.many", { n: number(size) });
}

/** Creates the dots of one view, spread evenly over the time until the next view. */
function depart(lines, seconds) {
  if (!moving()) return;
  const size = framesADot(sum(lines), seconds);
  const now = performance.now();
  // After a pause, only as many frames are shown as belong to the time until the next view.
  const span = Math.min(1.5, seconds);
  for (const line of lines) {
    const frames = (line.frames * span) / seconds;
    // A remainder of less than a dot becomes a dot with the corresponding probability.
    const wanted = Math.floor(frames / size + Math.random() * (size > 1 || span < seconds));
    // The count is limited because a report may contain any number.
    const count = Math.min(wanted, 2 * DOTS_A_SECOND);
    for (let at = 0; at < count; at++) {
      dots.push({ points: line.points, colour: line.colour, start: now + ((at + Math.random() * 0.6) * span * 1000) / count });
    }
  }
  run();
}

const moving = () => !still.matches && !document.hidden && onScreen;

function run() {
  if (running || dots.length === 0) return;
  running = true;
  requestAnimationFrame(step);
}

function step(now) {
  running = false;
  const { context } = prepare(canvas);
  if (!moving()) dots = [];
  dots = dots.filter((dot) => now < dot.start + JOURNEY_MS);
  for (const dot of dots) {
    const way = (now - dot.start) / JOURNEY_MS;
    if (way < 0) continue;
    const there = way < 0.5;
    const [x, y] = along(dot.points, ease(there ? way * 2 : 2 - way * 2));
    context.beginPath();
    context.arc(x, y, there ? 4.5 : 4, 0, 2 * Math.PI);
    if (there) {
      context.fillStyle = dot.colour;
      context.fill();
    } else {
      context.strokeStyle = dot.colour;
      context.lineWidth = 1.8;
      context.stroke();
    }
  }
  run();
}

const ease = (way) => way * way * (3 - 2 * way);

function along([x0, y0, x1, y1, x2, y2, x3, y3], at) {
  const [a, b, c, d] = [(1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at * at * (1 - at), at ** 3];
  return [a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3];
}

onLanguage(redraw);
new ResizeObserver(() => {
  dots = [];
  redraw();
}).observe(canvas);
new IntersectionObserver(([entry]) => (onScreen = entry.isIntersecting)).observe(canvas);
still.addEventListener("change", redraw);

/** Draws again with the current colours. */
export const repaintFlow = redraw;
