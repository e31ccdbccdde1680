// What everything costs: so far this month, the last complete one, the year, and what moved.

import { get, shared } from "../api.js";
import { controls, period, select } from "../controls.js";
import { h } from "../element.js";
import { t, month } from "../i18n.js";
import { FILTERS, link, selection, state } from "../state.js";
import { headline, trend } from "../summary.js";
import { columns as columnsOf, table } from "../table.js";
import { tile } from "../tile.js";

const BY = ["domain", "family", "group", "application", "product", "source"];
const TOP = 10;
const MOVERS = 5;

export function overview(me) {
  const { from, to, complete } = period(me);
  const by = BY.includes(state.get("by")) ? state.get("by") : "domain";
  const year = selection(me, FILTERS, { from, to, group_by: by });
  const series = shared(() => get("series", year));
  const byDimension = select("by", t("by"), BY.map((name) => [name, t(`by.${name}`)]), by);
  return [
    controls(me, { title: t("overview.title"), extra: [byDimension] }),
    h("div.tiles", {}, [
      headline(series, complete),
      trend(series, { by, api: ["series", year] }),
      ranking(me, "application", complete),
      ranking(me, "group", complete),
      movers(me, complete),
    ]),
  ];
}

const inMonth = (me, complete, by, more) =>
  selection(me, FILTERS, { from: complete, to: complete, group_by: by, compare: "previous", ...more });

// The most expensive ones of a month, each with what it was in the month before.
export function ranking(me, by, complete, path = "") {
  const title = t(`ranking.${by}`, { month: month(complete) });
  return tile(`top-${by}`, { title, rows: TOP + 2, span: 6 }, async () => {
    const query = inMonth(me, complete, by, { top: TOP });
    const answer = await get(`${path}costs`, query);
    const rows = answer.data.map((line) => compared(line, by, answer));
    const whole = { id: "total", name: t("total"), className: "total", ...amounts(answer.total, answer.currency) };
    const columns = comparison(by);
    rows.push(whole);
    return {
      content: table(columns, rows, { caption: title }),
      tables: [{ file: `${by}s-${complete}`, columns, rows }],
      api: [`${path}costs`, query],
      foot: by === "group" ? h("p", {}, t("ranking.group.own")) : undefined,
    };
  });
}

const amounts = ({ cost, previous, delta = {} }, currency) => {
  const { amount, ratio } = delta;
  return { cost, previous, delta: amount, ratio, currency };
};

function compared(line, by, { currency }) {
  const id = line.keys[by];
  const name = line.folded ? t("others", { count: line.folded }) : id;
  const href = id && link(by, { id });
  return { id: id ?? "others", name, href, className: line.folded && "others", ...amounts(line, currency) };
}

const comparison = (by) =>
  columnsOf({
    [by]: { label: t(`by.${by}`), value: (row) => row.name, href: (row) => row.href, heads: true },
    cost: "money",
    previous: { kind: "money", wide: true },
    delta: "change",
    ratio: { label: "%", kind: "growth", node: ({ previous, cost }) => previous === "0" && cost !== "0" && t("new") },
  });

// Where the cost of a month went up most, and down most, against the month before.
function movers(me, complete) {
  const title = t("movers", { month: month(complete) });
  return tile("movers", { title, rows: MOVERS + 2 }, async () => {
    const ask = (order) => get("costs", inMonth(me, complete, "application", { order, limit: MOVERS }));
    const [up, down] = await Promise.all([ask("-delta"), ask("delta")]);
    const columns = comparison("application");
    const side = (name, answer, wanted) => {
      const rows = answer.data.map((line) => compared(line, "application", answer)).filter(wanted);
      return { file: `movers-${name}-${complete}`, label: t(`movers.${name}`), columns, rows };
    };
    const moved = (sign) => (row) => row.delta !== undefined && Number(row.delta) * sign > 0;
    const tables = [side("up", up, moved(1)), side("down", down, moved(-1))];
    const halves = tables.map(({ label, rows }) =>
      h("div", {}, h("h3", {}, label), table(columns, rows, { caption: `${title}: ${label}`, empty: t("movers.none") })),
    );
    return { content: h("div.halves", {}, halves), tables };
  });
}
