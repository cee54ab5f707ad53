// The picture of the cluster: streams on the left, workers on the right, the master above them.
import { byId, colour } from "./dom.js";
import { number, rate } from "./format.js";
import { t } from "./i18n.js";
import { COLOURS, colourOf } from "./colours.js";

/** The height of a box, in heights of letters. */
const BOX = 2.1;
/** The least distance between the centres of two boxes, in heights of letters. */
const NEAREST = 2.4;
/** The greatest distance between the centres of two boxes, in heights of letters. */
const FARTHEST = 5;
/** The most lines that are drawn between streams and workers; those with the most frames are preferred. */
const LINES = 300;
/** With more lines than this, all are thin. */
const MANY_LINES = 80;

/** A picture of fewer pixels is drawn for a phone. */
const NARROW = 500;

const MARKS = { slow: "!", draining: "↓", resting: "‖", lost: "✕" };
const canvas = byId("flow-lines");

/** Clears a canvas and sets it to the resolution of the screen. Returns its context and its size in CSS pixels. */
export function prepare(target) {
  const { width, height } = target.getBoundingClientRect();
  const scale = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (target.width !== w || target.height !== h) Object.assign(target, { width: w, height: h });
  const context = target.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

/** Returns the colours of the drawing, as the stylesheet defines them now. */
export function palette() {
  const found = {};
  for (const name of ["ink", "quiet", "line", "panel", "raised", "accent", "bad", "warn"]) found[name] = colour(name);
  for (let which = 0; which <= COLOURS; which++) found[`c${which}`] = colour(`c${which}`);
  return found;
}

/** Returns how many frames each worker has answered for each stream since the view before: `{stream, worker, frames}`. */
export function flows(before, view) {
  const found = [];
  for (const stream of view.streams) {
    const earlier = before?.streams.find((other) => other.id === stream.id);
    for (const worker of stream.workers) {
      const then = earlier?.workers.find((other) => other.name === worker.name);
      found.push({ stream: stream.id, worker: worker.name, frames: then ? Math.max(0, worker.answered - then.answered) : 0 });
    }
  }
  return found;
}

/** Draws the cluster and returns its lines: `{points, frames, colour}`, each a Bézier curve from stream to worker. */
export function drawCluster(view, flowing, seconds) {
  const { context, width, height } = prepare(canvas);
  const colours = palette();
  const style = getComputedStyle(document.body);
  const letters = parseFloat(style.fontSize) * (width < NARROW ? 0.8 : 0.95);
  context.font = `${letters}px ${style.fontFamily}`;
  context.textBaseline = "middle";
  const pen = { context, width, height, colours, letters, narrow: width < NARROW };
  const master = { x: width / 2, y: letters * 1.4 };
  const left = placeStreams(pen, view.streams);
  const right = placeWorkers(pen, view.workers);

  for (const place of new Set(left.places.values())) controlLine(pen, [place.x + place.w, place.y], master);
  for (const place of right.boxes) if (place.worker.state !== "lost") controlLine(pen, [place.x, place.y], master);

  const lines = join(flowing, left.places, right.places, right.boxes);
  for (const line of lines) {
    context.strokeStyle = colours.line;
    // Many lines are drawn thin, because thick ones would merge to one area.
    context.lineWidth = lines.length > MANY_LINES ? 0.7 : 1 + Math.min(5, Math.log2(1 + line.frames / seconds));
    curve(context, line.points);
  }
  left.draw();
  right.draw();
  box(pen, master.x - letters * 4, master.y, letters * 8, t("flow.master"), "", colours.accent);
  canvas.setAttribute("aria-label", described(view, flowing, seconds));
  return lines.map((line) => ({ ...line, colour: colours[colourOf(line.worker)] }));
}

function curve(context, [x0, y0, x1, y1, x2, y2, x3, y3]) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.bezierCurveTo(x1, y1, x2, y2, x3, y3);
  context.stroke();
}

/** Draws a thin line to the master, for route requests and heartbeats. */
function controlLine({ context, colours }, [x, y], master) {
  context.save();
  context.strokeStyle = colours.quiet;
  context.globalAlpha = 0.55;
  context.lineWidth = 1;
  context.setLineDash([2, 5]);
  curve(context, [x, y, x, y - 30, master.x, master.y + 60, master.x, master.y + 14]);
  context.restore();
}

function join(flowing, places, workers, boxes) {
  const merged = new Map();
  for (const { stream, worker, frames } of flowing) {
    const [from, to] = [places.get(stream), workers.get(worker)];
    if (!from || !to) continue;
    const key = `${from.y} ${worker}`;
    const line = merged.get(key) ?? { worker, frames: 0, points: between(from, to) };
    line.frames += frames;
    merged.set(key, line);
  }
  const lines = [...merged.values()].sort((a, b) => b.frames - a.frames);
  // With many workers, only lines with frames are drawn.
  return (boxes.length ? lines : lines.filter((line) => line.frames > 0)).slice(0, LINES);
}

function between(from, to) {
  const [x0, x3] = [from.x + from.w, to.x];
  const bend = (x3 - x0) * 0.45;
  return [x0, from.y, x0 + bend, from.y, x3 - bend, to.y, x3, to.y];
}

/** Returns the height of the part of the picture that shows the master. */
const topOf = ({ letters }) => letters * 4;

/** Returns how many boxes fit in a column. */
const room = (pen) => Math.max(2, Math.floor((pen.height - topOf(pen)) / (pen.letters * NEAREST)));

/** Returns the vertical positions of a column of boxes, centred below the master. */
function column(count, pen) {
  const top = topOf(pen);
  const step = Math.min(pen.letters * FARTHEST, (pen.height - top) / Math.max(1, count));
  const first = top + (pen.height - top - step * count) / 2 + step / 2;
  return Array.from({ length: count }, (_, at) => first + at * step);
}

function placeStreams(pen, streams) {
  // The streams that do not fit share the last box.
  const shown = streams.length > room(pen) ? room(pen) - 1 : streams.length;
  const rest = streams.length - shown;
  const ys = column(shown + (rest ? 1 : 0), pen);
  const w = Math.min(pen.letters * 14, pen.width * 0.33);
  const spots = ys.map((y) => ({ x: 2, w, y }));
  const places = new Map(streams.map((stream, at) => [stream.id, spots[Math.min(at, shown)]]));
  const draw = () => {
    streams.slice(0, shown).forEach((stream, at) => {
      pen.context.globalAlpha = stream.ended ? 0.5 : 1;
      box(pen, 2, ys[at], w, stream.name, rate(stream.frames_per_s), pen.colours.quiet);
      pen.context.globalAlpha = 1;
    });
    if (rest) box(pen, 2, ys[shown], w, t("flow.more", { n: number(rest) }), "", pen.colours.quiet);
  };
  return { places, draw };
}

function placeWorkers(pen, workers) {
  const columns = pen.narrow ? 1 : 2;
  return workers.length > columns * room(pen) ? placeSquares(pen, workers) : placeBoxes(pen, workers);
}

function placeBoxes(pen, workers) {
  const columns = workers.length > room(pen) ? 2 : 1;
  const rows = Math.ceil(workers.length / columns);
  const ys = column(rows, pen);
  const w = Math.min(pen.letters * (columns === 2 ? 10 : 14), pen.width * 0.33);
  const boxes = workers.map((worker, at) => ({
    worker, w, y: ys[at % rows], x: pen.width - 2 - w - (columns - 1 - Math.floor(at / rows)) * (w + 16),
  }));
  const draw = () => {
    for (const { worker, x, y } of boxes) {
      const edge = worker.state === "lost" ? pen.colours.bad : pen.colours[colourOf(worker.name)];
      const mark = MARKS[worker.state];
      box(pen, x, y, w, mark ? `${mark} ${worker.name}` : worker.name, worker.state === "lost" ? "" : rate(worker.frames_per_s), edge, worker.state === "lost");
    }
  };
  return { boxes, draw, places: new Map(boxes.map((place) => [place.worker.name, place])) };
}

/** Shows the workers as a field of squares, which are more opaque the busier the worker is. */
function placeSquares(pen, workers) {
  const [w, top] = [pen.width * 0.42, topOf(pen)];
  const size = Math.min(pen.letters * 2, Math.floor(Math.sqrt((w * (pen.height - top - pen.letters * 2)) / workers.length)));
  const across = Math.max(1, Math.floor(w / size));
  const x0 = pen.width - 2 - across * size;
  const places = new Map();
  workers.forEach((worker, at) => {
    places.set(worker.name, { worker, x: x0 + (at % across) * size, y: top + (Math.floor(at / across) + 0.5) * size });
  });
  const draw = () => {
    const { context, colours } = pen;
    for (const { worker, x, y } of places.values()) {
      const lost = worker.state === "lost";
      const busy = Math.min(1, (worker.cpu_percent ?? 0) / 100);
      context.fillStyle = colours.panel;
      context.fillRect(x + 1, y - size / 2 + 1, size - 3, size - 3);
      context.fillStyle = lost ? colours.bad : worker.state === "healthy" ? colours.accent : colours.warn;
      context.globalAlpha = lost ? 1 : 0.25 + 0.75 * busy;
      context.fillRect(x + 1, y - size / 2 + 1, size - 3, size - 3);
      context.globalAlpha = 1;
      if (MARKS[worker.state] && size >= 12) {
        context.fillStyle = colours.panel;
        context.textAlign = "center";
        context.fillText(MARKS[worker.state], x + (size - 1) / 2, y + 0.5);
      }
    }
    context.fillStyle = colours.quiet;
    context.textAlign = "left";
    context.fillText(t("flow.workers", { n: workers.length }), x0, pen.height - 12);
  };
  return { boxes: [], places, draw };
}

function box({ context, colours, letters, narrow }, x, y, w, name, figure, edge, alarmed = false) {
  // On a phone there is only room for the name; the number is on the card.
  const value = narrow ? "" : figure;
  const h = letters * BOX;
  context.fillStyle = colours.raised;
  context.strokeStyle = edge;
  context.lineWidth = alarmed ? 2.5 : 1.5;
  context.beginPath();
  context.roundRect(x, y - h / 2, w, h, 7);
  context.fill();
  context.stroke();
  context.fillStyle = alarmed ? colours.bad : colours.ink;
  context.textAlign = value ? "left" : "center";
  const room = w - 16 - (value ? context.measureText(value).width + 8 : 0);
  context.fillText(fitted(context, name, room), value ? x + 8 : x + w / 2, y + 1);
  if (!value) return;
  context.fillStyle = colours.quiet;
  context.textAlign = "right";
  context.fillText(value, x + w - 8, y + 1);
}

/** Returns the text, cut to this width. */
function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = text.length;
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end -= 1;
  return `${text.slice(0, end)}…`;
}

function described(view, flowing, seconds) {
  const all = flowing.reduce((sum, { frames }) => sum + frames, 0) / seconds;
  const names = new Map(view.streams.map((stream) => [stream.id, stream.name]));
  const busiest = flowing.filter(({ frames }) => frames > 0).sort((a, b) => b.frames - a.frames).slice(0, 12);
  const links = busiest.map((link) => t("flow.link", { stream: names.get(link.stream), worker: link.worker, rate: rate(link.frames / seconds) }));
  return [t("flow.says", { streams: view.streams.length, workers: view.workers.length, rate: rate(all) }), ...links].join(" ");
}
