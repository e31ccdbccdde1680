// What can be trusted: what is allocated, measured and valued, by source and month; and what to mend first.

import { get, shared } from "../api.js";
import { controls, period } from "../controls.js";
import { sum } from "../decimals.js";
import { h } from "../element.js";
import * as i18n from "../i18n.js";
import { link, selection } from "../state.js";
import { columns, listed } from "../table.js";
import { tile } from "../tile.js";

const { t } = i18n;
const FILTERS = ["domain", "source"];
const KINDS = {
  ...{ cost: "money", allocated: "money", share: "percent", unallocated: "money", estimated: "money" },
  ...{ rejected: "money", rejected_lines: "count", unpriced_lines: "count", set_apart: "money" },
  ...{ estimated_days: "count", missing_days: "count" },
};
const SUMS = Object.keys(KINDS).filter((name) => name !== "share");
const FIGURES = ["share", "missing_days", "unallocated", "rejected_lines", "estimated", "set_apart"];
const WIDE = ["rejected_lines", "unpriced_lines", "set_apart"];
const EXTRA = ["allocated", "estimated_days"];
const MOST_RANGES = 4; // of missing days, in a cell
const MOST_GAPS = 200;

export function coverage(me) {
  const { from, to } = period(me);
  const query = selection(me, FILTERS, { from, to });
  const answer = shared(() => get("coverage", query).then(added));
  const part = (name, rows, draw) => tile(name, { rows }, async () => draw(await answer(), ["coverage", query]));
  const tiles = [part("coverage", 6, headline), part("months", 13, matrix), gaps(query), part("sources", 13, bySource)];
  return [controls(me, { title: t("coverage.title"), filters: FILTERS, applied: FILTERS }), h("div.tiles", {}, tiles)];
}

function added({ data, currency, open_months: open }) {
  const lines = data.map((line) => ({ ...line, currency, share: share(line), dates: line.missing_dates ?? [] }));
  const of = (id, own) => {
    const sums = SUMS.map((name) => [name, sum(own.map((line) => `${line[name] ?? 0}`))]);
    const row = { id, currency, dates: own.flatMap(({ dates }) => dates).sort(), ...Object.fromEntries(sums) };
    return { ...row, share: share(row), months: Object.fromEntries(own.map((line) => [line.period, line])) };
  };
  const sources = [...new Set(lines.map(({ source }) => source))].sort();
  const rows = sources.map((id) => of(id, lines.filter(({ source }) => source === id)));
  return { lines, rows, open, total: { ...of("total", lines), className: "total" } };
}

const share = ({ allocated, cost }) => (Number(cost) ? (Number(allocated) / Number(cost)).toFixed(6) : undefined);

function headline({ total }) {
  const said = (name, kind) => (total[name] ? i18n[kind](total[name], total.currency) : "–");
  const shown = Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [name, said(name, kind)]));
  const figures = FIGURES.map((name) => {
    const amount = h("p.amount", { "data-value": total[name], title: total[name] }, shown[name]);
    const note = h("p.note", {}, t(`coverage.${name}`, shown));
    return h("div.figure", { "data-figure": name }, h("p.label", {}, t(`column.${name}`)), amount, note);
  });
  return { content: h("div.figures", {}, figures) };
}

// Each source and month, by the days that are missing or estimated.
function matrix({ lines, rows, open }, api) {
  const periods = [...new Set(lines.map((line) => line.period))].sort();
  const month = (key, index) => {
    const of = (what) => (row) => row.months[key] && what(row.months[key]);
    const value = of((line) => line.missing_days);
    const label = [i18n.shortMonth(key), open.includes(key) && h("div", {}, t("open.short"))];
    const wide = index < periods.length - 3; // on a phone, the last ones
    return { key, label, kind: "count", value, show: of(days), tone: of(tone), wide };
  };
  const file = { file: "coverage-by-month", columns: columns({ source: {}, period: {}, ...facts() }), rows: lines };
  const shown = [...columns(named), ...periods.map(month)];
  return { ...listed("months", shown, rows, api, t("coverage.none")), tables: [file] };
}

function days({ missing_days: missing, estimated_days: guessed }) {
  const said = (count, key) => count > 0 && h("div", {}, t(key, { count }));
  return missing || guessed ? [said(missing, "cell.missing"), said(guessed, "cell.estimated")] : "✓";
}

const tone = (line) => (line.missing_days ? "bad" : line.estimated_days ? "doubt" : "good");
const href = ({ id, className }) => (className ? undefined : link("overview", { source: id }));
const named = { source: { value: ({ id, className }) => (className ? t("total") : id), heads: true, href } };

function facts() {
  const show = (key) => (row) => (Number(row[key]) ? undefined : "–");
  const fact = ([key, kind]) => [key, { kind, show: show(key), wide: WIDE.includes(key), extra: EXTRA.includes(key) }];
  const dates = { kind: "prose", value: (row) => row.dates.join(" ") || undefined, show: ranges };
  return { ...Object.fromEntries(Object.entries(KINDS).map(fact)), dates };
}

function bySource({ rows, total }, api) {
  const all = rows.length ? [...rows, { ...total, dates: [] }] : [];
  return listed("sources", columns({ ...named, ...facts() }), all, api, t("coverage.none"));
}

function ranges({ dates }) {
  const found = i18n.spans(dates);
  const others = t("others", { count: found.length - MOST_RANGES });
  return i18n.list(found.length > MOST_RANGES ? [...found.slice(0, MOST_RANGES), others] : found);
}

// What no application claims, and what was rejected: the largest first, each with what mends it.
function gaps(asked) {
  const query = new URLSearchParams(asked);
  query.delete("currency"); // each gap has its own
  query.set("limit", MOST_GAPS);
  return tile("gaps", { rows: 4 }, async () => {
    const { data, next } = await get("gaps", query);
    const rows = data.map((row, index) => ({ ...row, id: `${index}` }));
    const found = columns({
      subject: { value: subject, heads: true },
      amount: { kind: "money", node: ({ amount }) => amount === undefined && t("unknown") },
      reason: { show: ({ reason }) => t(`reason.${reason}`) },
      remedy: { value: ({ reason }) => t(`remedy.${reason}`), extra: true },
      source: { kind: "word", wide: true },
      group: { kind: "word", wide: true },
      months: { kind: "word", value: (row) => i18n.months(row.first_period, row.last_period), wide: true },
      lines: "count",
    });
    const command = reprocess(rows.flatMap((row) => [row.first_period, row.last_period]));
    const then = rows.length > 0 && h("p.then", {}, t("gaps.then"), " ", command);
    const foot = rows.length > 0 && h("p", {}, t(next ? "gaps.most" : "gaps.all", { count: i18n.count(rows.length) }));
    const shown = listed("gaps", found, rows, ["gaps", query], t("gaps.none"));
    const reasons = [...new Set(rows.map(({ reason }) => reason))];
    const remedies = reasons.map((reason) => [h("dt", {}, t(`reason.${reason}`)), h("dd", {}, t(`remedy.${reason}`))]);
    return { ...shown, content: [shown.content, h("dl.facts", {}, remedies), then], foot };
  });
}

// The command that makes what was mended count.
export function reprocess(months) {
  const sorted = months.toSorted();
  const span = [...new Set([sorted[0], sorted.at(-1)])].join("..");
  return h("code", {}, `finops reprocess --period ${span} --reason "…"`);
}

function subject({ subject: text, folded }) {
  if (text === undefined) return t("others", { count: i18n.count(folded) });
  return text.replace(/^(code|account|resource)(?= )/, (kind) => t(`subject.${kind}`));
}
