// Texts, numbers and months in the reader's form. Amounts are exact decimals as text, and are never floats here.

import en from "./messages/en.js";
import fr from "./messages/fr.js";

const MESSAGES = { en, fr };
export const LANGUAGES = Object.keys(MESSAGES);
export const language = localStorage.getItem("language") ?? (navigator.language.startsWith("fr") ? "fr" : "en");
const locale = navigator.languages.find((name) => name.startsWith(language)) ?? language;
const plural = new Intl.PluralRules(language);
document.documentElement.lang = language;

// A text with its values: {name} is replaced. A key that is not a message is shown as it is, such as a domain's id.
export function t(key, values = {}) {
  const isOne = values.count !== undefined && plural.select(values.count) === "one";
  const text = (isOne && MESSAGES[language][`${key}.one`]) || MESSAGES[language][key] || key.replace(/^[a-z]+\./, "");
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

const made = new Map();
function format(Kind, options) {
  const key = Kind.name + JSON.stringify(options);
  if (!made.has(key)) made.set(key, new Kind(locale, options));
  return made.get(key);
}
const number = (value, options) => format(Intl.NumberFormat, { signDisplay: "negative", ...options }).format(value);
const signed = { signDisplay: "exceptZero" };

function styled(currency) {
  return currency ? { style: "currency", currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 };
}

export const money = (amount, currency, options) => number(amount, { ...styled(currency), ...options });
export const change = (amount, currency) => money(amount, currency, signed);
export const short = (amount, currency) =>
  money(amount, currency, { notation: "compact", maximumSignificantDigits: 3 });
const inPercent = { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
export const percent = (ratio) => number(ratio, inPercent);
export const growth = (ratio) => number(ratio, { ...inPercent, ...signed });
export const count = (value) => number(value, {});
export const quantity = (value) => number(value, { maximumFractionDigits: 2 });
export const rate = (value) => number(value, { maximumFractionDigits: 6 });
// A price may be far below a cent: four digits that say something.
export const price = (value, currency) =>
  money(value, currency, Math.abs(value) < 0.1 ? { maximumSignificantDigits: 4 } : { maximumFractionDigits: 4 });

const DAY = 86400000; // milliseconds
const day = (text) => new Date(`${text.length === 7 ? `${text}-01` : text}T00:00:00Z`);
const dated = (text, options) => format(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).format(day(text));
// A month, or a quarter as it is.
export const month = (text) => (text.includes("Q") ? text : dated(text, { month: "long", year: "numeric" }));
export const shortMonth = (text) => (text.includes("Q") ? text : dated(text, { month: "short", year: "2-digit" }));
export const date = (text) => dated(text, { day: "numeric", month: "short", year: "numeric" });
export const shortDate = (text) => dated(text, { day: "numeric", month: "short" });
const moment = { dateStyle: "medium", timeStyle: "short" };
export const time = (text) => format(Intl.DateTimeFormat, moment).format(new Date(text));
const ranged = (first, last, options) =>
  format(Intl.DateTimeFormat, { timeZone: "UTC", ...options }).formatRange(day(first), day(last));
export const days = (first, last) => ranged(first, last, { day: "numeric", month: "short", year: "numeric" });
// Days that follow each other are one span.
export function spans(dates) {
  const found = [];
  for (const date of dates) {
    const last = found.at(-1);
    if (last && day(date) - day(last[1]) <= DAY) last[1] = date;
    else found.push([date, date]);
  }
  return found.map(([first, last]) => days(first, last));
}
export const months = (first, last) => ranged(first, last, { month: "short", year: "numeric" });
export const list = (items) => format(Intl.ListFormat, { type: "conjunction" }).format(items);

export function duration(seconds) {
  const whole = Math.round(seconds);
  const parts = { hours: Math.floor(whole / 3600), minutes: Math.floor((whole % 3600) / 60), seconds: whole % 60 };
  return format(Intl.DurationFormat, { style: "short", secondsDisplay: "always" }).format(parts);
}

// How a spreadsheet of this language reads a cell: decimals, and what is between cells.
const parts = format(Intl.NumberFormat, {}).formatToParts(1.5);
export const decimalMark = parts.find((part) => part.type === "decimal").value;
export const cents = (amount) =>
  number(amount, { useGrouping: false, minimumFractionDigits: 2, maximumFractionDigits: 2 }).replace("−", "-");
