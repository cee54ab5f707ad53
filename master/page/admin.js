// The form for changes, which need the admin token.
import { attribute, byId, element, keyed, say, show } from "./dom.js";
import { t } from "./i18n.js";
import { keepToken, token } from "./storage.js";
import { settingName } from "./decisions.js";

/** Timeout of a change. */
const PATIENCE_MS = 8000;

let allowed = false;
let changed = () => {};

/** Calls `listener` when changes become possible or impossible. */
export function onAdmin(listener) {
  changed = listener;
}

/** The function for buttons elsewhere on the page that change something, or `null` while changes are impossible. */
export const action = () => (allowed && token("admin") !== null ? change : null);

/** Sets whether the master accepts changes at all. */
export function setAllowed(yes) {
  allowed = yes;
  arrange();
}

function arrange() {
  show(byId("admin-off"), !allowed);
  show(byId("admin-on"), allowed);
  show(byId("admin-form"), token("admin") === null);
  show(byId("admin-changes"), token("admin") !== null);
  changed();
}

byId("admin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken("admin", byId("admin-token").value);
  byId("admin-token").value = "";
  arrange();
  say(byId("admin-said"), t("token.kept"));
  byId("policies").querySelector("button")?.focus();
});

byId("admin-forget").addEventListener("click", () => {
  keepToken("admin", null);
  arrange();
  say(byId("admin-said"), "");
  byId("admin-token").focus();
});

/** Shows the possible settings, and which of them are active. */
export function showAdmin(view) {
  choices(byId("policies"), "policy", view.policies, view.policy);
  choices(byId("admissions"), "admission", view.admissions, view.admission);
}

function choices(group, what, names, current) {
  const create = (name) => {
    const node = element("button");
    node.type = "button";
    node.addEventListener("click", () => change(what, name));
    return { node };
  };
  keyed(group, names, (name) => name, create, ({ node }, name) => {
    say(node, settingName(name));
    attribute(node, "title", name);
    attribute(node, "aria-pressed", String(name === current));
  });
}

async function change(what, name) {
  say(byId("admin-said"), t("admin.asked"));
  say(byId("admin-said"), await result(what, name));
}

async function result(what, name) {
  const headers = { Authorization: `Bearer ${token("admin")}`, "Content-Type": "application/json" };
  try {
    const answer = await fetch("api/admin", {
      method: "POST", headers, body: JSON.stringify({ [what]: name }), signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 401) {
      keepToken("admin", null);
      arrange();
      return t("admin.wrong");
    }
    if (answer.status === 429) return t("admin.slow", { n: answer.headers.get("Retry-After") ?? "?" });
    const { said, error } = await answer.json();
    return said ?? error;
  } catch {
    return t("admin.away");
  }
}
