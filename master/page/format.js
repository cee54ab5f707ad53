// Numbers formatted in the language of the page. An unknown value is shown as a dash.
import { language, t } from "./i18n.js";

/** The text for an unknown value. */
export const UNKNOWN = "–";

const made = new Map();

function formatter(digits) {
  const key = `${language()} ${digits}`;
  if (!made.has(key)) {
    made.set(key, new Intl.NumberFormat(language(), { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return made.get(key);
}

/** Formats a number with this many decimals. */
export const number = (value, digits = 0) => (value == null ? UNKNOWN : formatter(digits).format(value));

/** Formats a count, from a million up in short form ("5.1M"). */
export const count = (value) =>
  value < 1e6 ? number(value) : new Intl.NumberFormat(language(), { notation: "compact", maximumFractionDigits: 1 }).format(value);

/** Formats a rate per second, with one decimal below 100. */
export const rate = (value) => number(value, value != null && value < 99.95 ? 1 : 0);

/** Formats milliseconds, from 10 s up as seconds. */
export function millis(value) {
  if (value == null) return UNKNOWN;
  return value < 9999.5 ? `${number(value, value < 9.95 ? 1 : 0)}\u00a0ms` : `${number(value / 1000, 1)}\u00a0s`;
}

/** Formats p50 and p95, in milliseconds. */
export const percentiles = (p50, p95) =>
  p50 == null && p95 == null ? UNKNOWN : `${number(p50, p50 < 9.95 ? 1 : 0)} / ${millis(p95)}`;

/** Formats a percentage without decimals, which would only flicker. */
export const percent = (value) => (value == null ? UNKNOWN : `${number(value)}\u00a0%`);

/** Formats degrees Celsius. */
export const celsius = (value) => (value == null ? UNKNOWN : `${number(value)}\u00a0°C`);

/** Formats a duration in its two largest units. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const parts = [[Math.floor(seconds / 86400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return `0 ${t("unit.s")}`;
  return parts.slice(first, first + 2).map(([count, unit]) => `${count} ${t(`unit.${unit}`)}`).join(" ");
}

/** Formats a time of day, to the second. */
export const clock = (ms) => new Date(ms).toLocaleTimeString(language(), { hour12: false });

/** Compares names so that the numbers in them are in numeric order. */
export const byName = new Intl.Collator(undefined, { numeric: true }).compare;
