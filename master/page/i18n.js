// The languages of the page. The English texts are in index.html, too, so that they are visible before the scripts are loaded.
import en from "./en.js";
import zh from "./zh.js";
import { recall, remember } from "./storage.js";

const LANGUAGES = { en, zh };
const TAGS = { en: "en", zh: "zh-CN" };
const changed = new Set();
const wished = recall("language") ?? navigator.language.slice(0, 2).toLowerCase();
let current = wished in LANGUAGES ? wished : "en";

/** Returns the language tag, for the attribute `lang` and for number formats. */
export const language = () => TAGS[current];

/** Calls `listener` after every change of language. */
export const onLanguage = (listener) => changed.add(listener);

/**
 * Returns the text of this name with `{values}` inserted. If a text has two forms, separated by a bar, the first is for `n` = 1.
 * A name without a text is returned unchanged, because reasons and policies may be newer than this page.
 */
export function t(name, values = {}) {
  const texts = (LANGUAGES[current][name] ?? LANGUAGES.en[name] ?? name).split("|");
  const text = texts.length > 1 && values.n !== 1 ? texts[1] : texts[0];
  return text.replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
}

/** Returns whether a text of this name exists. */
export const has = (name) => name in LANGUAGES.en;

/** Sets all fixed texts within `root`. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
}

/** Switches to the next language and stores the choice. */
export function nextLanguage() {
  current = current === "en" ? "zh" : "en";
  remember("language", current);
  applyLanguage();
}

/** Sets all fixed texts of the page in the current language. */
export function applyLanguage() {
  document.documentElement.lang = language();
  translate(document);
  for (const listener of changed) listener();
}
