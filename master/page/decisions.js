// The list of the last decisions: which worker was chosen, and why.
import { byId, fill, keyed, say, show, stamp } from "./dom.js";
import { clock, millis, number } from "./format.js";
import { has, t, translate } from "./i18n.js";

/** How many decisions are shown. */
const SHOWN = 30;

let known = [];

/** Returns the text for a policy or an admission, or its name if it has none. */
export const settingName = (name) => (has(`name.${name}`) ? t(`name.${name}`) : name);

/** Removes all decisions, because another master numbers its own from 1 again. */
export function forgetDecisions() {
  known = [];
}

/** Adds new decisions and shows the newest. Returns the streams of the new decisions that the master made itself. */
export function showDecisions(decisions) {
  const last = known[0]?.number ?? 0;
  const fresh = decisions.filter((decision) => decision.number > last).sort((a, b) => b.number - a.number);
  known = [...fresh, ...known].slice(0, SHOWN);
  show(byId("no-decisions"), known.length === 0);
  show(byId("decisions"), known.length > 0);
  keyed(byId("decisions"), known, (decision) => decision.number, () => stamp("t-decision", translate), update);
  return fresh.filter((decision) => decision.policy !== "").map((decision) => decision.stream);
}

function update({ parts }, decision) {
  const { chosen, next } = decision;
  say(parts.stream, decision.stream_name);
  say(parts.worker, chosen.worker);
  say(parts.by, maker(decision));
  say(parts.reason, `${sum(chosen)} · ${against(next)}`);
  const longest = Math.max(chosen.answers_in_ms ?? 0, next?.answers_in_ms ?? 0);
  fill(parts.won, longest > 0 ? chosen.answers_in_ms / longest : 0);
  fill(parts.second, longest > 0 ? next?.answers_in_ms / longest : 0);
}

function maker(decision) {
  const time = clock(decision.time_ms);
  if (decision.policy !== "") return t("why.master", { policy: settingName(decision.policy), time });
  return decision.frame == null ? t("why.client", { time }) : t("why.frame", { frame: number(decision.frame), time });
}

/** Formats how the expected latency is calculated. Frames of other streams count partially, so 1.8 frames may be in flight. */
function sum(choice) {
  const { in_flight, frame_ms, cores, answers_in_ms } = choice;
  const ahead = answers_in_ms && frame_ms ? (answers_in_ms * cores) / frame_ms : in_flight;
  const whole = Math.abs(ahead - Math.round(ahead)) < 0.05;
  const values = { n: number(ahead, whole ? 0 : 1), ms: millis(frame_ms), cores: number(cores), total: millis(answers_in_ms) };
  if (answers_in_ms == null) return t("why.sum0", { ...values, n: number(in_flight) });
  // With a free thread the worker starts at once, so the expected latency is the time of one frame.
  if (cores > 1 && in_flight <= cores && Math.abs(ahead - cores) < 0.05) return t("why.free", values);
  return t(choice.cores > 1 ? "why.sum" : "why.sum1", values);
}

function against(next) {
  if (!next) return t("why.only");
  return t(next.answers_in_ms == null ? "why.next0" : "why.next", { worker: next.worker, total: millis(next.answers_in_ms) });
}
