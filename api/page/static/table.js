// Tables, and the same rows as CSV: exact, or as a spreadsheet of the reader's language takes them.

import { a, h } from "./element.js";
import * as i18n from "./i18n.js";

const { t } = i18n;

// How a value is shown, by the kind of its column; `row` has the currency.
const SHOWN = {
  text: (value) => value,
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
const TEXTS = ["text", "month", "date"];
const ROUNDED = ["money", "change"];

// A column is {key, label, kind, value(row), href(row), node(row), wide}: `wide` ones are left out on a phone.
export function table(columns, rows, { caption, empty = t("empty") } = {}) {
  if (!rows.length) return h("p.empty", {}, empty);
  const head = columns.map((column) => h(cellName("th", column), { scope: "col" }, column.label));
  const line = (row) => columns.map((column) => cell(column, row));
  const body = rows.map((row) => h("tr", { "data-row": row.id, class: row.className }, line(row)));
  return h(
    "div.scroll",
    { tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption.unseen", {}, caption ?? ""), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

function cellName(tag, { kind = "text", wide }) {
  return `${tag}.${TEXTS.includes(kind) ? "text" : "number"}${wide ? ".wide" : ""}`;
}

function cell(column, row) {
  const { key, kind = "text" } = column;
  const value = column.value(row);
  const name = column.heads ? cellName("th", column) : cellName("td", column);
  const attributes = { "data-key": key, "data-value": value, scope: column.heads && "row" };
  if (value === undefined) return h(name, attributes, column.node?.(row));
  const shown = SHOWN[kind](value, row);
  if (kind === "text") attributes.dir = "auto";
  if (!TEXTS.includes(kind)) attributes.title = value;
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
    columns.map(({ kind = "text", value }) => {
      const found = value(row);
      if (found === undefined) return "";
      return quoted(TEXTS.includes(kind) ? harmless(`${found}`) : number(`${found}`, kind));
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
