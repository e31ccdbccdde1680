// What the last nights did: what each changed, and what failed and why. For callers who may see everything.

import { get, named } from "../api.js";
import { select } from "../controls.js";
import { difference } from "../decimals.js";
import { a, h } from "../element.js";
import * as i18n from "../i18n.js";
import { here, link, state } from "../state.js";
import { columns, direction, facts, listed } from "../table.js";
import { tile } from "../tile.js";
import { reprocess } from "./coverage.js";

const { t } = i18n;
const CHOICES = { kind: ["nightly", "reprocess", "adhoc"], status: ["SUCCESS", "FAILED", "RUNNING"] };
const SHOWN = 30;
const MOST_MONTHS = 3; // the last that changed, in a line of the list
const CUT = 120; // characters of an error or a reason there
const TONES = { SUCCESS: "good", PUBLISHED: "good", FAILED: "bad", BLOCKED: "bad", REFUSED: "bad" };

export function runs(me) {
  const id = state.get("run");
  const [title, beside, found] = !me.everything ? refused() : id ? one(id) : list();
  return [h("div.top", {}, h("h1", {}, title), beside), h("div.tiles", {}, found)];
}

// The API says who may see them.
function refused() {
  const said = (error) => (error.status === 403 ? { content: h("p", {}, error.message) } : Promise.reject(error));
  return [t("view.runs"), undefined, tile("runs", { rows: 2 }, () => get("runs").catch(said))];
}

function list() {
  const query = new URLSearchParams({ limit: SHOWN });
  for (const name of [...Object.keys(CHOICES), "cursor"]) if (state.get(name)) query.set(name, state.get(name));
  const choices = Object.entries(CHOICES).map(([name, values]) => {
    const options = [["", t("all")], ...values.map((value) => [value, t(`${name}.${value}`)])];
    return select(name, t(`column.${name}`), options, state.get(name) ?? "", { replaced: { cursor: null } });
  });
  const found = tile("runs", { rows: 6 }, async () => {
    const { data, currency, next } = await get("runs", query);
    const rows = data.map((run) => ({ ...run, id: run.run_id, currency }));
    const foot = next && h("p", {}, a(here({ cursor: next }), t("runs.older")));
    return { ...listed("runs", columns({ ...about(MOST_MONTHS), why }), rows, ["runs", query], t("runs.none")), foot };
  });
  return [t("view.runs"), h("form.controls", {}, choices), found];
}

const reason = (run) => run.error ?? run.reason;
const cut = (text) => (text.length > CUT ? `${text.slice(0, CUT)}…` : text);
const why = { kind: "prose", value: reason, show: (run) => cut(reason(run)) };
const status = { kind: "word", show: (row) => t(`status.${row.status}`), tone: (row) => TONES[row.status] ?? "doubt" };
const seconds = { kind: "count", wide: true, show: (row) => i18n.duration(Number(row.seconds)) };

function about(most) {
  const written = (run) => run.changes.map(({ period, amount }) => `${period} ${amount}`).join("; ");
  const href = (run) => run.id && link("runs", { run: run.id });
  return {
    started_at: { heads: most > 0, show: (run) => i18n.time(run.started_at), href },
    kind: { kind: "word", show: ({ kind }) => t(`kind.${kind}`), wide: true },
    status,
    seconds,
    records: { kind: "count", wide: true },
    months: { kind: "word", value: ({ from, to }) => from && i18n.months(from, to ?? from), wide: true },
    changes: { kind: "word", value: () => undefined, node: (run) => changes(run, most), written },
  };
}

// By how much the cost of each month changed.
function changes({ changes: found, currency }, most = found.length) {
  const lines = found.slice(-most).map(({ period, amount }) => {
    const by = h(`span.${direction(amount)}`, { "data-value": amount, title: amount }, i18n.change(amount, currency));
    return h("div", {}, i18n.shortMonth(period), " ", by);
  });
  return found.length > most ? [lines, t("others", { count: found.length - most })] : found.length > 0 && lines;
}

function one(id) {
  const more = { started_by: {}, reason: {}, error: {}, waiting: { value: () => undefined, node: waiting } };
  const found = tile("run", { rows: 6 }, async () => {
    const run = await get(named("runs", id));
    const parts = Object.entries({ scopes: scopes(run), steps: steps(run) });
    const below = parts.map(([name, { content }]) => [h("h3", {}, t(`tile.${name}`)), content]);
    const tables = parts.flatMap(([name, part]) => part.tables.map((file) => ({ ...file, label: t(`tile.${name}`) })));
    const content = [facts(columns({ ...about(), ...more }), run), ...below.flat()];
    return { content, tables, api: [named("runs", id)] };
  });
  return [t("runs.one", { run: id.slice(0, 8) }), a(link("runs"), t("runs.all")), found];
}

// Months that stand on reference data which has changed since they were published.
function waiting({ waiting: found }) {
  const periods = [...new Set(found.map(({ period }) => period))].sort();
  const lines = periods.map((period) => {
    const sources = found.filter((scope) => scope.period === period).map(({ source }) => source);
    return h("div", {}, `${i18n.month(period)} – ${i18n.list(sources)}`);
  });
  return found.length > 0 && [lines, h("div", {}, t("runs.waiting"), " ", reprocess(periods))];
}

function steps(run) {
  const step = { heads: true, show: (row) => t(`step.${row.step}`) };
  const rows = run.steps.map((line, index) => ({ ...line, id: `${index}` }));
  return listed("steps", columns({ step, source: "word", status, seconds, rows: "count", error: "prose" }), rows);
}

// Sources and months; what was not published comes first.
function scopes(run) {
  const rows = run.scopes.map((scope) => {
    const again = scope.attempt > 1 ? scope.attempt : undefined; // of a run that was resumed
    return { ...scope, id: [scope.source, scope.period, again].join(" ").trim(), again, currency: run.currency };
  });
  rows.sort((first, second) => (first.status === "PUBLISHED") - (second.status === "PUBLISHED"));
  const delta = ({ cost_after: after, cost_before: before = "0" }) => after && difference(after, before);
  const counts = ["landed", "released", "rejected", "set_apart", "duplicate"];
  const found = columns({
    source: { heads: true },
    period: "month",
    again: "count",
    status,
    refusal: "prose",
    cost_before: { kind: "money", wide: true },
    cost_after: "money",
    delta: { kind: "change", value: delta },
    ...Object.fromEntries(counts.map((name) => [`records_${name}`, { kind: "count", wide: true }])),
  });
  return listed("scopes", found, rows, undefined, t("scopes.none"));
}
