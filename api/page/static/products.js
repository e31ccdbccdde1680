// What was consumed of each product, and at what price: whether quantity or price moved a cost.

import { all } from "./api.js";
import { drawCharts, lines } from "./charts.js";
import { period } from "./controls.js";
import { h } from "./element.js";
import * as i18n from "./i18n.js";
import { FILTERS, monthsBetween, selection, shifted } from "./state.js";
import { columns, table } from "./table.js";
import { tile } from "./tile.js";

const { t } = i18n;
const IDENTITY = ["product", "product_name", "family", "domain", "source", "charge_category", "unit"];
const FIGURES = { quantity: "quantity", unit_price: "price", cost: "money" };
const FIRST = 15; // products that are shown before one asks for more

// All months come with one question; `owner` says whose source records they are: ["--application", id].
export function consumption(me, path, owner) {
  const { from, to, complete } = period(me);
  const before = shifted(complete, -1);
  const first = before < from && before >= me.first_period ? before : from;
  const query = selection(me, FILTERS, { from: first, to, order: "key" });
  const title = t("products", { month: i18n.month(complete) });
  return tile("products", { title, rows: 10 }, async () => {
    const { data, currency } = await all(path, query);
    const rows = products(data, complete, before, currency);
    const identity = Object.fromEntries(IDENTITY.map((key) => [key, { extra: true }]));
    identity.product = { heads: true, show: opening((row) => months(row, monthsBetween(from, to), owner)) };
    const shown = [...columns(identity), ...columns(FIGURES).flatMap(compared)];
    const part = (some) => table(shown, some, { caption: title, empty: t("no.cost") });
    const others = rows.slice(FIRST);
    const more = () => h("details", {}, h("summary", {}, t("others", { count: others.length })), part(others));
    return {
      content: [part(rows.slice(0, FIRST)), others.length > 0 && more()],
      foot: h("p", {}, t("products.foot")),
      tables: [{ file: `products-${complete}`, columns: shown, rows }],
      api: [path, query],
    };
  });
}

// A row for each product, source and unit, with its months; what costs most in the complete one comes first.
function products(data, complete, before, currency) {
  const found = new Map();
  for (const line of data) {
    const key = JSON.stringify(IDENTITY.map((name) => line[name] ?? ""));
    if (!found.has(key)) found.set(key, { id: key, currency, months: new Map() });
    Object.assign(found.get(key), line).months.set(line.period, line);
  }
  const rows = [...found.values()];
  for (const row of rows) [row.now, row.was] = [complete, before].map((month) => row.months.get(month) ?? {});
  const size = (one, other, when) => Number(other[when].cost ?? 0) - Number(one[when].cost ?? 0);
  return rows.sort((one, other) => size(one, other, "now") || size(one, other, "was"));
}

// A figure in the complete month, in the one before, and its growth.
function compared(column) {
  const { key } = column;
  const wide = key !== "cost";
  const growth = columns({ [`${key}_ratio`]: { kind: "growth", value: (row) => ratio(row.now[key], row.was[key]) } });
  return [
    { ...column, value: ({ now }) => now[key], wide },
    { ...column, key: `previous_${key}`, label: t("before"), value: ({ was }) => was[key], wide: true },
    { ...growth[0], wide: !wide },
  ];
}

// A quotient for a percentage: amounts themselves never become floats.
function ratio(now, was) {
  if (now === undefined || was === undefined || Number(was) === 0) return undefined;
  return ((Number(now) - Number(was)) / Math.abs(Number(was))).toFixed(4);
}

// A button that shows more of its row below it.
const opening = (content) => (row) => {
  const { product, product_name: name, source, unit, charge_category: category } = row;
  const details = [product, source, unit, category !== "Usage" && category];
  const about = details.filter((text) => text && text !== name).join(" · ");
  const open = () => {
    const line = button.closest("tr");
    const isOpen = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", `${!isOpen}`);
    if (isOpen) return line.nextSibling.remove();
    line.after(h("tr.more", {}, h("td", { colspan: line.childElementCount }, content(row))));
    drawCharts();
  };
  const names = [h("bdi", {}, name), h("small", { dir: "auto" }, about)];
  const button = h("button.plain.product", { type: "button", "aria-expanded": "false", click: open }, names);
  return button;
};

// The months of a product, and the command with which whoever runs the nightly sees what its source said.
function months(row, span, owner) {
  const { currency, product, product_name: name, source } = row;
  const known = columns(FIGURES).filter(({ key }) => span.some((month) => row.months.get(month)?.[key] !== undefined));
  // a cost is drawn where nothing else is known
  const series = known.slice(0, Math.max(1, known.length - 1)).map(({ key, label, kind }) => {
    const show = (value) => i18n[kind](value, currency);
    return { name: label, show, values: span.map((month) => row.months.get(month)?.[key]) };
  });
  const lived = span.filter((month) => row.months.has(month));
  const rows = lived.map((id) => ({ ...row.months.get(id), id, currency }));
  const shown = columns({ period: { kind: "month", heads: true }, ...FIGURES });
  const of = ["--period", row.now.period ?? row.period, ...owner, "--product", product, "--source", source];
  const chart = lines(series, span.map(i18n.shortMonth), { label: t("products.label", { product: name }) });
  const command = ["finops", "records", ...of].map((word) => [h("span", {}, quoted(word)), " "]);
  const records = [h("p.note", {}, t("records")), h("code.command", {}, command)];
  return h("div.halves", {}, h("div", {}, chart, records), table(shown, rows, { caption: name }));
}

const quoted = (word) => (/^[\w.:/@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
