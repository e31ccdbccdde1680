// What costs are made of: products with their prices, families and domains, and each month's exchange rates.

import { all } from "../api.js";
import { announce, h } from "../element.js";
import * as i18n from "../i18n.js";
import { here, link, state } from "../state.js";
import { columns, listed, table } from "../table.js";
import { tile } from "../tile.js";

const { t } = i18n;
const MOST = 500; // products that are drawn

export function catalogue(me) {
  const top = h("div.top", {}, h("h1", {}, t("view.catalogue")));
  return [top, h("div.tiles", {}, products(me), families(), rates())];
}

function products({ as_of: asOf }) {
  return tile("products", { rows: 20 }, async () => {
    const [sold, priced] = await Promise.all([all("products"), all("prices")]);
    const rows = joined([...sold.data, ...priced.data], (asOf ?? new Date().toISOString()).slice(0, 10));
    const file = { file: "products", columns: columns(product), rows };
    const label = { "aria-label": t("catalogue.filter"), placeholder: t("catalogue.filter") };
    const field = { type: "search", name: "q", maxlength: 200, value: state.get("q") ?? "", input: typed };
    const input = h("input", { ...field, ...label });
    const shown = h("div");
    function draw() {
      const words = input.value.toLowerCase().split(/\s+/);
      file.rows = rows.filter(({ text }) => words.every((word) => text.includes(word)));
      const [count, every, most] = [file.rows.length, rows.length, MOST].map(i18n.count);
      const said = t(file.rows.length > MOST ? "catalogue.most" : "catalogue.count", { count, every, most });
      const drawn = table(file.columns, file.rows.slice(0, MOST), { caption: t("tile.products") });
      shown.replaceChildren(h("p.note", {}, said), drawn);
      return said;
    }
    function typed() {
      state.set("q", input.value);
      history.replaceState(null, "", here({ q: input.value }));
      announce(draw());
    }
    draw();
    return { content: [h("p", {}, input), shown], tables: [file], api: ["products"] };
  });
}

// A row for each product, of the lines of its sources and of its prices.
function joined(lines, today) {
  const found = new Map();
  for (const line of lines) found.set(line.product_id, [...(found.get(line.product_id) ?? []), line]);
  const rows = [...found].map(([id, own]) => {
    const each = (name) => [...new Set(own.map((line) => line[name]).filter(Boolean))].sort();
    const [family, source, unit] = ["family", "source", "unit"].map((key) => each(key).join(", "));
    const domains = each("domain").map(domain).join(", ");
    const known = { id, name: own[0].product_name, family, source, unit, domain: domains };
    const prices = own.filter((line) => line.unit_price);
    prices.sort((one, other) => (one.valid_from < other.valid_from ? 1 : -1));
    const now = prices.find((price) => price.valid_from <= today && !(price.valid_to <= today));
    const { unit_price: price, currency, valid_from: since } = now ?? {};
    const [first, last] = [each("first_period")[0], each("last_period").at(-1)];
    const text = Object.values(known).join(" ").toLowerCase();
    return { ...known, price, currency, since, others: prices.filter((other) => other !== now), first, last, text };
  });
  return rows.sort((one, other) => !one.price - !other.price || one.name.localeCompare(other.name));
}

const domain = (name) => t(`domain.${name}`);
const priceThen = ({ valid_from: since, unit_price: price, currency }) => `${since} ${price} ${currency}`;
const href = ({ id, first }) => first && link("overview", { product: id });
const product = {
  product: { value: ({ id }) => id, show: ({ name }) => name, heads: true, href },
  family: { wide: true },
  domain: { wide: true },
  source: { extra: true },
  unit: "word",
  price: { kind: "price", node: ({ price, others }) => !price && !others.length && t("catalogue.billed") },
  since: "date",
  others: { value: () => undefined, node: others, written: (row) => row.others.map(priceThen).join("; ") },
  first: { kind: "month", wide: true },
  last: { kind: "month", wide: true },
};

// Prices of other days: before today's, or still to come.
function others({ others: prices }) {
  const lines = prices.map(({ valid_from: since, unit_price: exact, currency }) => {
    const price = h("span", { "data-value": exact, title: exact }, i18n.price(exact, currency));
    return h("div", {}, price, ` ${t("since", { date: i18n.date(since) })}`);
  });
  return prices.length > 0 && h("details", {}, h("summary", {}, i18n.count(prices.length)), lines);
}

function families() {
  return tile("families", { rows: 12, span: 6 }, async () => {
    const { data } = await all("families");
    const rows = data.map((line) => ({ ...line, id: `${line.family} ${line.domain}` }));
    const found = columns({
      family: { heads: true, href: ({ family }) => link("overview", { family }) },
      domain: { show: (row) => domain(row.domain), href: (row) => link("overview", { domain: row.domain }) },
      first: { kind: "month", value: (row) => row.first_period },
      last: { kind: "month", value: (row) => row.last_period },
    });
    return listed("families", found, rows, ["families"]);
  });
}

// Months by currencies; a rate that is assumed says so.
function rates() {
  return tile("rates", { rows: 12, span: 6 }, async () => {
    const { data } = await all("rates");
    const pair = (line) => `1 ${line.currency} → ${line.to_currency}`;
    const months = [...new Set(data.map(({ period }) => period))].sort().reverse();
    const row = (period) => [period, data.filter((line) => line.period === period).map((line) => [pair(line), line])];
    const rows = months.map(row).map(([period, own]) => ({ id: period, period, ...Object.fromEntries(own) }));
    const pairs = [...new Set(data.map(pair))].sort().map((key) => ({
      key,
      label: key,
      kind: "quantity",
      value: (of) => of[key]?.rate,
      show: (of) => i18n.rate(of[key].rate),
      tone: (of) => (of[key]?.is_assumed ? "doubt" : undefined),
      node: (of) => of[key]?.is_assumed && ` ${t("assumed")}`,
    }));
    const period = columns({ period: { kind: "month", heads: true } });
    const foot = data.some((line) => line.is_assumed) && h("p", {}, t("rates.assumed"));
    return { ...listed("rates", [...period, ...pairs], rows, ["rates"], t("rates.none")), foot };
  });
}
