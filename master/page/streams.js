// The table of streams, with the counts of their frames.
import { byId, element, fill, keyed, say, show, stamp } from "./dom.js";
import { duration, millis, number, percentiles, rate } from "./format.js";
import { has, t, translate } from "./i18n.js";

/** A stream without a report for this long is marked as silent. */
const SILENT_MS = 3500;

/** Returns the text for a reason, or the reason itself if it has none. */
export const reasonName = (reason) => (has(`reason.${reason}`) ? t(`reason.${reason}`) : reason);

/** Returns the sum of all counts. */
export const total = (tally) => Object.values(tally).reduce((sum, count) => sum + count, 0);

/** Shows the streams. */
export function showStreams(streams) {
  show(byId("no-streams"), streams.length === 0);
  show(byId("streams").parentElement, streams.length > 0);
  keyed(byId("streams"), streams, (stream) => stream.id, () => stamp("t-stream", translate), update);
}

function update({ node, parts }, stream) {
  node.classList.toggle("ended", stream.ended);
  say(parts.name, stream.name);
  say(parts.from, about(stream));
  say(parts.rate, rate(stream.frames_per_s));
  say(parts.time, percentiles(stream.p50_ms, stream.p95_ms));
  say(parts.faces, number(stream.faces));
  const dropped = total(stream.dropped);
  const failed = total(stream.failed);
  const counts = { sent: stream.sent, ok: stream.ok, dropped, failed, open: stream.open };
  say(parts.account, t("streams.sum", Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, number(n)]))));
  for (const name of ["ok", "open", "dropped", "failed"]) fill(parts[`b-${name}`], counts[name] / stream.sent);
  say(parts.reasons, reasons(stream));
  keyed(parts.workers, stream.workers, (worker) => worker.name, () => ({ node: element("li") }), (row, worker) => {
    say(row.node, t("streams.uses", { name: worker.name, n: number(worker.in_flight), ms: millis(worker.frame_ms) }));
  });
}

function about(stream) {
  // The name of most streams contains their source already.
  const from = stream.name.includes(stream.source) ? "streams.client" : "streams.from";
  const facts = [t(from, stream), t(stream.live ? "streams.live" : "streams.file"), t("streams.priority", { n: stream.priority })];
  if (stream.detector) facts.push(stream.detector);
  if (stream.ended) facts.push(t("streams.ended"));
  else if (stream.silent_ms > SILENT_MS) facts.push(t("streams.silent", { time: duration(stream.silent_ms) }));
  return facts.join(" · ");
}

function reasons(stream) {
  const named = [...Object.entries(stream.dropped), ...Object.entries(stream.failed)];
  const texts = named.map(([reason, count]) => `${number(count)} ${reasonName(reason)}`);
  if (stream.retried) texts.push(t("streams.retried", { n: number(stream.retried) }));
  if (stream.late) texts.push(t("streams.late", { n: number(stream.late) }));
  return texts.join(" · ");
}

