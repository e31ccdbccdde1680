// One group or one application: what it costs, of which products, on which days, and who owns it.

import { all, get, named, shared } from "../api.js";
import { controls, period, select } from "../controls.js";
import { a, h } from "../element.js";
import * as i18n from "../i18n.js";
import { consumption } from "../products.js";
import { FILTERS, go, here, link, reread, selection, state } from "../state.js";
import { headline, trend } from "../summary.js";
import { columns, listed } from "../table.js";
import { tile } from "../tile.js";
import { ranking } from "./overview.js";

const { t } = i18n;
const DAILY = ["product", "family", "domain", "source", "application"];
const BY = { application: DAILY.slice(0, -1), group: ["application", "group", ...DAILY.slice(0, -1)] };

export const application = (me) => detail(me, "application");
export const group = (me) => detail(me, "group");

async function detail(me, kind) {
  const asked = state.get("id") ?? "";
  // those around a group are named; there may be too many applications for that
  const query = kind === "group" ? "" : new URLSearchParams({ q: asked });
  const { data } = asked ? await all(`${kind}s`, query) : { data: [] };
  const isIt = (line) => line[`${kind}_id`].toLowerCase() === asked.toLowerCase();
  const line = data.find((found) => found[`${kind}_id`] === asked) ?? data.find(isIt);
  if (!line) return unknown(kind, asked);
  const id = line[`${kind}_id`];
  if (id !== asked) {
    go(here({ id }), { replace: true });
    return [];
  }
  const by = BY[kind].includes(state.get("by")) ? state.get("by") : BY[kind][0];
  const divided = select("by", t("by"), BY[kind].map((key) => [key, t(`by.${key}`)]), by);
  const around = kind === "group" ? groups(line, data) : owner(line);
  const below = h("p.place", {}, h("bdi", {}, id), around);
  const top = controls(me, { title: line[`${kind}_name`], below, extra: [divided] });
  const path = named(`${kind}s`, id);
  const owned = kind === "application" && owners(path);
  if (!line.first_period) return [top, h("div.tiles", {}, h("section.tile", {}, t("never.cost")), owned)];
  const { from, to: last, complete } = period(me);
  const costs = selection(me, FILTERS, { from, to: last, group_by: by });
  const series = shared(() => get(`${path}/series`, costs));
  const tiles = [
    headline(series, complete),
    trend(series, { by, api: [`${path}/series`, costs] }),
    kind === "group" && BY.group.slice(0, 2).map((what) => ranking(me, what, complete, `${path}/`)),
    consumption(me, `${path}/usage`, [`--${kind}`, id]),
    days(me, `${path}/days`, DAILY.includes(by) ? by : "family", complete),
    owned,
  ];
  return [top, h("div.tiles", {}, tiles)];
}

function unknown(kind, id) {
  const title = h("h1", { dir: "auto" }, t(`no.${kind}`, { id }));
  const back = h("p", {}, a(link("overview"), t("overview.title")));
  return h("section.notice", {}, title, h("p", {}, t("no.such.remedy")), back);
}

const owner = ({ group_id: id, group_name: name }) => [" · ", t("by.group"), " ", to(id, name)];
const to = (id, name) => h("bdi", {}, a(link("group", { id }), name));

// The group above a group, and those just below it.
function groups({ group_id: id, parent_group_id: above }, all) {
  const parent = all.find(({ group_id: found }) => found === above);
  const children = all.filter(({ parent_group_id: found }) => found === id);
  return [
    above && [" · ", t("part.of"), " ", to(above, parent?.group_name ?? above)],
    children.length > 0 && [" · ", t("below.it")],
    children.map((child, index) => [index ? ", " : " ", to(child.group_id, child.group_name)]),
  ];
}

function owners(path) {
  return tile("owners", { rows: 3 }, async () => {
    const { data } = await get(`${path}/owners`);
    const rows = data.map((row) => ({ ...row, id: `${row.group_id} ${row.valid_from ?? ""}` }));
    const found = columns({
      group_name: { href: (row) => link("group", { id: row.group_id }), heads: true },
      group_id: { wide: true },
      valid_from: { kind: "date", node: (row) => !row.valid_from && t("owned.always") },
      valid_to: { kind: "date", node: (row) => !row.valid_to && t("owned.still") },
    });
    return listed("owners", found, rows, [`${path}/owners`], t("owners.none"));
  });
}

// One month, day by day; the rest of the view stays as it is when another one is chosen.
function days(me, path, by, complete) {
  const month = state.get("month") ?? complete;
  const query = selection(me, FILTERS, { month, group_by: by });
  const months = me.months.toReversed().map((found) => [found, i18n.month(found)]);
  const change = (event) => {
    history.replaceState(null, "", here({ month: event.target.value }));
    reread();
    const other = days(me, path, by, complete);
    shown.replaceWith(other);
    other.querySelector("select").focus();
  };
  const series = async () => {
    const answer = await get(path, query);
    const points = answer.days.map(({ date, cost }) => ({ period: date, cost }));
    const data = answer.data.map((line) => ({ ...line, points: line.days.map((cost) => ({ cost, estimated: "0" })) }));
    return { ...answer, points, data };
  };
  const title = t("days", { month: i18n.month(month) });
  const file = `days-${month}-by-${by}`;
  const more = { name: "days", title, step: i18n.shortDate, file, said: trust };
  const shown = trend(series, { by, api: [path, query], ...more });
  shown.querySelector("h2").after(h("form.controls", {}, select("month", t("month"), months, month, { change })));
  return shown;
}

// How far days can be trusted, in words.
function trust({ days: all, complete_until: until, missing, spread }) {
  const end = until && (until === all.at(-1)?.date ? t("days.whole") : t("days.until", { date: i18n.date(until) }));
  const gaps = missing.map(({ source, dates }) => t("days.missing", { source, dates: i18n.list(i18n.spans(dates)) }));
  const shares = spread.length > 0 && t("days.spread", { sources: i18n.list(spread) });
  return [end || t("days.never"), ...gaps, shares].filter(Boolean).join(" ");
}
