// Tables, and the same rows as CSV: exact, or as a spreadsheet of the reader's language takes them.

import { a, h } from "./element.js";
import * as i18n from "./i18n.js";

const { t } = i18n;

// How a value is shown, by the kind of its column; `row` has the currency.
const SHOWN = {
  text: (value) => value,
  word: (value) => value,
  prose: (value) => value,
  money: (value, row) => i18n.money(value, row.currency),
  change: (value, row) => i18n.change(value, row.currency),
  price: (value, row) => i18n.price(value, row.currency),
  growth: (value) => i18n.growth(value),
  percent: (value) => i18n.percent(value),
  quantity: (value) => i18n.quantity(value),
  count: (value) => i18n.count(value),
  month: (value) => i18n.shortMonth(value),
  date: (value) => i18n.date(value),
};
// Texts by how they are wrapped: `word` never, `prose` in a wide column.
const TEXTS = { text: "text", prose: "text.prose", word: "word", month: "word", date: "word" };
const ROUNDED = ["money", "change"];

// A column is {key, label, kind, value(row), href(row), node(row), show(row), written(row), tone(row), wide, extra}:
// `show` is the value on the page, `written` in CSV; `tone` is good, doubt or bad; `wide` is not on a phone; `extra` is
// in CSV alone, as are columns of which no row has anything.
export function table(columns, rows, { caption, empty = t("empty") } = {}) {
  if (!rows.length) return h("p.empty", {}, empty);
  const says = ({ value, node }) => rows.some((row) => value(row) !== undefined || node?.(row));
  const filled = columns.filter((column) => !column.extra && says(column));
  const head = filled.map((column) => h(cellName("th", column), { scope: "col" }, column.label));
  const line = (row) => filled.map((column) => cell(column, row));
  const body = rows.map((row) => h("tr", { "data-row": row.id, class: row.className }, line(row)));
  return h(
    "div.scroll",
    { tabindex: 0, role: "group", "aria-label": caption },
    h("table", {}, h("caption.unseen", {}, caption ?? ""), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

// Columns by key: a kind, or what is unlike the row's own value.
export const columns = (all) =>
  Object.entries(all).map(([key, of]) => {
    const more = typeof of === "string" ? { kind: of } : of;
    return { key, label: t(`column.${key}`), value: (row) => row[key], ...more };
  });

// What a tile has of a table: itself, the same as CSV, and where it is from.
export function listed(name, columns, rows, api, empty) {
  const tables = rows.length ? [{ file: name, columns, rows }] : [];
  return { content: table(columns, rows, { caption: t(`tile.${name}`), empty }), tables, api };
}

// One row, with its columns below each other.
export function facts(columns, row) {
  const known = columns.filter(({ value, node }) => ![undefined, false].includes(value(row) ?? node?.(row)));
  const items = known.map((column) => [h("dt", {}, column.label), cell({ ...column, tag: "dd", wide: false }, row)]);
  return h("dl.facts", {}, items);
}

function cellName(tag, { kind = "text", wide }) {
  return `${tag}.${TEXTS[kind] ?? "number"}${wide ? ".wide" : ""}`;
}

function cell(column, row) {
  const { key, kind = "text" } = column;
  const value = column.value(row);
  const name = cellName(column.tag ?? (column.heads ? "th" : "td"), column);
  const tone = column.tone?.(row);
  const attributes = { "data-key": key, "data-value": value, "data-tone": tone, scope: column.heads && "row" };
  if (value === undefined) return h(name, attributes, column.node?.(row));
  const shown = column.show?.(row) ?? SHOWN[kind](value, row);
  if (kind in TEXTS) attributes.dir = "auto";
  else attributes.title = value;
  const moved = ["change", "growth"].includes(kind) ? `.${direction(value)}` : "";
  const href = column.href?.(row);
  return h(name + moved, attributes, href ? a(href, shown) : shown, column.node?.(row));
}

export const direction = (amount) => (/^-?[0.]*$/.test(amount) ? "same" : amount.startsWith("-") ? "down" : "up");

// A cell that a spreadsheet would take for a formula gets an apostrophe, as in the API's own CSV.
const harmless = (text) => text.replace(/(^|[;\r\n])(?=\s*[-=+@＝＋－＠])/g, "$1'");

function written(columns, rows, separator, number) {
  const special = (text) => /["\r\n]/.test(text) || text.includes(separator);
  const quoted = (text) => (special(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) =>
    columns.map(({ kind = "text", value, written: exact = value }) => {
      const found = exact(row);
      if (found === undefined) return "";
      return quoted(kind in TEXTS ? harmless(`${found}`) : number(`${found}`, kind));
    }),
  );
  const head = columns.map(({ key }) => quoted(harmless(key)));
  return [head, ...lines].map((line) => `${line.join(separator)}\r\n`).join("");
}

export const csv = (columns, rows) => written(withCurrency(columns), rows, ",", (text) => text);

// Amounts in cents, with the decimal mark and the separator that Excel expects in this language.
export function spreadsheet(columns, rows) {
  const separator = i18n.decimalMark === "," ? ";" : ",";
  const number = (text, kind) => (ROUNDED.includes(kind) ? i18n.cents(text) : text.replace(".", i18n.decimalMark));
  return `\ufeff${written(withCurrency(columns), rows, separator, number)}`;
}

const withCurrency = (columns) =>
  columns.some(({ kind }) => ["money", "change", "price"].includes(kind))
    ? [...columns, { key: "currency", value: (row) => row.currency }]
    : columns;
