// The languages of the page. English is written into index.html too, for who comes before the scripts do.
import en from "./en.js";
import zh from "./zh.js";
import { recall, remember } from "./storage.js";

const LANGUAGES = { en, zh };
const TAGS = { en: "en", zh: "zh-CN" };
const changed = new Set();
const wished = recall("language") ?? navigator.language.slice(0, 2).toLowerCase();
let current = wished in LANGUAGES ? wished : "en";

/** The language's tag, as `lang` and the formats of numbers take it. */
export const language = () => TAGS[current];

/** Calls `listener` after every change of language. */
export const onLanguage = (listener) => changed.add(listener);

/**
 * The text of this name with `{values}` filled in. Of two texts with a bar between them, the first is for `n` = 1.
 * A name without a text is shown as it is: reasons and policies may be newer than this page.
 */
export function t(name, values = {}) {
  const texts = (LANGUAGES[current][name] ?? LANGUAGES.en[name] ?? name).split("|");
  const text = texts.length > 1 && values.n !== 1 ? texts[1] : texts[0];
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** Whether there is a text of this name. */
export const has = (name) => name in LANGUAGES.en;

/** Writes all fixed texts within `root`. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
}

/** Goes over to the next language and remembers it. */
export function nextLanguage() {
  current = current === "en" ? "zh" : "en";
  remember("language", current);
  applyLanguage();
}

/** Says the page's fixed texts in its language. */
export function applyLanguage() {
  document.documentElement.lang = language();
  translate(document);
  for (const listener of changed) listener();
}
