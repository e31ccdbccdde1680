// The months and the filters of a view.

import { get } from "./api.js";
import { h } from "./element.js";
import { month, t } from "./i18n.js";
import { FILTERS, currency, go, here, shifted, state } from "./state.js";

const YEAR = 12; // months before the last one: the same month of the year before is in sight
const LISTS = { domain: "domains", family: "families", source: "sources" };

// The months that are shown: {from, to, complete}; `complete` is the last of them that no nightly changes any more.
export function period(me) {
  const published = me.months;
  const to = state.get("to") ?? me.last_period;
  const first = shifted(to, -YEAR);
  const from = state.get("from") ?? (first < me.first_period ? me.first_period : first);
  const complete = published.filter((found) => found <= to && !me.open.has(found)).at(-1) ?? to;
  return { from, to, complete };
}

// `applied` are the filters that the view's figures go by: no other is shown.
export function controls(me, { title, below, filters = Object.keys(LISTS), applied = FILTERS, extra = [] }) {
  const { from, to } = period(me);
  const months = me.months.toReversed();
  const named = (months) => months.map((found) => [found, month(found)]);
  const picker = (name, value, allowed) => select(name, t(name), named(allowed), value);
  const choices = [
    picker("from", from, months.filter((found) => found <= to)),
    picker("to", to, months.filter((found) => found >= from)),
    me.currencies.length > 1 &&
      select("currency", t("currency"), me.currencies.map((name) => [name, name]), currency(me)),
    ...extra,
  ];
  const head = h("div", {}, h("h1", { dir: "auto" }, title), below);
  return h("div.top", {}, head, h("form.controls", {}, choices, filtering(filters)), chips(applied));
}

// A choice of one: `options` are [value, text]; it is in the address as `name`.
export function select(name, label, options, value, { replaced = {}, change } = {}) {
  const items = options.map(([key, text]) => h("option", { value: key, selected: key === value }, text));
  if (!options.some(([key]) => key === value)) items.unshift(h("option", { value, selected: true }, value));
  const move = (event) => go(here({ ...replaced, [name]: event.target.value || null }));
  return h("label", {}, label, h("select", { name, change: change ?? move }, items));
}

// What a filter allows is asked for when somebody opens them.
function filtering(filters) {
  if (!filters.length) return undefined;
  const body = h("div.filters", {});
  const fill = async () => {
    if (body.childElementCount) return;
    const answers = await Promise.all(filters.map((name) => get(LISTS[name], "limit=1000")));
    body.replaceChildren(...filters.map((name, index) => filter(name, answers[index].data)));
  };
  return h("details", { toggle: fill }, h("summary", {}, t("filters")), body);
}

function filter(name, data) {
  const values = [...new Set(data.map((line) => line[name]))];
  const options = values.map((value) => [value, name === "domain" ? t(`domain.${value}`) : value]);
  return select(name, t(`by.${name}`), [["", t("all")], ...options], state.get(name) ?? "");
}

function chips(applied) {
  const found = applied.flatMap((name) => state.getAll(name).map((value) => [name, value]));
  if (!found.length) return undefined;
  const items = found.map(([name, value]) => {
    const click = () => go(here({ [name]: null }));
    const text = `${t(`by.${name}`)}: ${name === "domain" ? t(`domain.${value}`) : value}`;
    const attributes = { type: "button", click, "aria-label": t("filter.remove", { text }) };
    return h("li", {}, h("bdi", {}, text), h("button.plain", attributes, "×"));
  });
  return h("ul.chips", { "aria-label": t("filters") }, items);
}
