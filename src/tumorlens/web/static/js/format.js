// Numbers and dates as people read them.

import { t } from "./strings.js";

const NARROW_SPACE = "\u202f";

export function number(value, decimals = 1) {
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** A probability; what only rounding makes 0 or 100 % is shown as a bound. */
export function percent(value, decimals = 1) {
  const step = 10 ** -decimals;
  const sure = value < 1 && value * 100 > 100 - step / 2;
  const rare = value > 0 && value * 100 < step / 2;
  const shown = sure
    ? `>${number(100 - step, decimals)}`
    : rare
      ? `<${number(step, decimals)}`
      : number(value * 100, decimals);
  return `${shown}${NARROW_SPACE}%`;
}

/** A length, area or other value with its unit; null gives a dash. */
export function quantity(value, unit, decimals = 1) {
  if (value === null || value === undefined) return t("none");
  const shown = number(value, Number.isInteger(value) && unit.startsWith("px") ? 0 : decimals);
  return unit ? `${shown}${NARROW_SPACE}${unit}` : shown;
}

/** With its sign: "+12.3". */
export function signed(value, decimals = 1) {
  const sign = value > 0 ? "+" : value < 0 ? "\u2212" : "\u00b1";
  return sign + number(Math.abs(value), decimals);
}

/** Sizes as file managers show them, a MB being 1024 x 1024 bytes. */
export function bytes(count) {
  const megabytes = count / 2 ** 20;
  if (megabytes >= 1) return `${number(megabytes, megabytes < 10 ? 1 : 0)} MB`;
  return `${number(Math.max(1, count / 2 ** 10), 0)} kB`;
}

export function when(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const today = new Date().toDateString() === date.toDateString();
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (today) return time;
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${time}`;
}

/** The answer in a word or two, which says no more than is known: a scan that is unlike those known is no answer. */
export function answerName(analysis) {
  const { label, findings, prediction_set: possible } = analysis;
  if (findings?.unlike.flagged) return t("answer.unlike");
  if (findings?.kind_uncertain) return t("answer.kind");
  if (label === "no_tumor") return t(possible.length > 1 ? "answer.open" : "answer.no_tumor");
  return className(label);
}

/** The probability of the answer; a dash where it was refused, or where the scan is unlike all that the model knows. */
export function sureness(analysis, decimals = 1) {
  const known = analysis.label && !analysis.findings?.unlike.flagged;
  return known ? percent(analysis.confidence, decimals) : t("none");
}

/** A class as people call it, also one that only a certain model knows; null is a scan that the gate refused. */
export function className(label) {
  if (label === null) return t("phase.refused");
  const key = `class.${label}`;
  const text = t(key);
  if (text !== key) return text;
  const words = label.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
