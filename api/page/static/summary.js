// The head of a view of costs: the figures of two months, and the months as bars.

import { a, h } from "./element.js";
import { legend, stackedBars } from "./charts.js";
import * as i18n from "./i18n.js";
import { go, here, link } from "./state.js";
import { columns as columnsOf, direction, table } from "./table.js";
import { tile } from "./tile.js";

const { t } = i18n;

// The month so far, the last complete one against the one before it, and what is in doubt about all months shown.
export function headline(series, complete) {
  return tile("headline", { title: t("headline"), rows: 3.7 }, async () => {
    const { points, currency, coverage, total } = await series();
    const last = points.at(-1);
    const whole = points.find(({ period }) => period === complete);
    const figures = [
      last?.is_open && figure("so-far", t("so.far", { month: i18n.month(last.period) }), last, currency, t("open")),
      whole && !whole.is_open && figure("complete", i18n.month(complete), whole, currency, against(whole, currency)),
      figure("total", t("months.shown", { count: points.length }), total, currency),
      doubts(coverage, currency),
    ];
    return { content: h("div.figures", {}, figures) };
  });
}

function figure(name, label, { cost, estimated, estimated_share: share }, currency, note) {
  const amount = i18n.money(estimated, currency);
  const guess = Number(estimated) !== 0 && t("estimated.share", { amount, share: share ? i18n.percent(share) : "" });
  return h(
    "div.figure",
    { "data-figure": name },
    h("p.label", {}, label),
    h("p.amount", { "data-value": cost, title: cost }, i18n.money(cost, currency)),
    h("p.note", {}, note, note && guess && " · ", guess),
  );
}

function against({ previous, delta }, currency) {
  if (!delta) return t("no.month.before");
  const ratio = delta.ratio === undefined ? "" : ` (${i18n.growth(delta.ratio)})`;
  const text = `${i18n.change(delta.amount, currency)}${ratio}`;
  const change = h(`span.${direction(delta.amount)}`, { "data-value": delta.amount, title: delta.amount }, text);
  return [change, ` ${t("against", { amount: i18n.money(previous, currency) })}`];
}

// What the figures leave out, and what nobody claims.
function doubts(coverage, currency) {
  const { unallocated, rejected, rejected_lines: lines, set_apart: apart, incomplete } = coverage;
  const days = incomplete.reduce((sum, { missing_days: missing }) => sum + missing, 0);
  const known = Number(rejected) ? ` (${i18n.money(rejected, currency)})` : "";
  const items = [
    ["unallocated", Number(unallocated), i18n.money(unallocated, currency), unallocated],
    ["rejected", lines, `${t("lines", { count: i18n.count(lines) })}${known}`, rejected],
    ["set_apart", Number(apart), i18n.money(apart, currency), apart],
    ["missing", days, i18n.count(days), `${days}`],
  ];
  const found = items.filter(([, amount]) => amount);
  const rows = found.map(([name, , text, value]) => [
    h("dt", {}, t(name)),
    h("dd", { "data-figure": name, "data-value": value, title: value }, text),
  ]);
  const body = found.length ? h("dl", {}, rows) : h("p.note", {}, t("no.doubts"));
  return h("div.figure.doubts", {}, h("p.label", {}, a(link("coverage"), t("doubts"))), body);
}

// The months as stacked bars, and the same figures as a table.
export function trend(series, { by, api, name = "trend", title = t("trend"), ...other }) {
  const { step = i18n.shortMonth, file = `costs-by-${by}`, said = signs } = other;
  return tile(name, { title, rows: 12 }, async () => {
    const answer = await series();
    const { points, data, currency } = answer;
    const shown = data.map((line) => ({
      name: label(by, line),
      folded: Boolean(line.folded),
      values: line.points.map(({ cost }) => cost),
      estimated: line.points.map(({ estimated }) => estimated),
      href: line.folded ? undefined : leading(by, line.keys[by]),
    }));
    const steps = points.map(({ period, is_open: isOpen }) => ({ label: step(period), isOpen }));
    const rows = data.map(({ keys, cost }, index) => ({ ...shown[index], id: keys[by] ?? "others", cost, currency }));
    const values = points.map(({ cost }) => cost);
    rows.push({ id: "total", name: t("total"), className: "total", values, cost: answer.total.cost, currency });
    const money = (label, value) => ({ label, kind: "money", value });
    const month = ({ period }, index) => [period, money(step(period), (row) => row.values[index])];
    const columns = columnsOf({
      [by]: { label: t(`by.${by}`), value: (row) => row.name, heads: true },
      ...Object.fromEntries(points.map(month)),
      total: money(t("total"), (row) => row.cost),
    });
    const onSelect = ({ href }) => href && go(href);
    if (!data.length) return { content: h("p.empty", {}, t("no.cost")), foot: h("p", {}, said(answer)), api };
    return {
      content: [
        stackedBars(shown, steps, { currency, label: t(`${name}.label`, { by: t(`by.${by}`) }), onSelect }),
        legend(shown),
        h("details", {}, h("summary", {}, t("figures")), table(columns, rows, { caption: title })),
      ],
      foot: h("p", {}, said(answer)),
      tables: [{ file, columns, rows }],
      api,
    };
  });
}

function label(by, { folded, keys }) {
  if (folded) return t("others", { count: folded });
  return by === "domain" ? t(`domain.${keys[by]}`) : keys[by];
}

// To the view of what is named, or to this one of it alone.
const leading = (by, key) =>
  ["group", "application"].includes(by) ? link(by, { id: key }) : here({ [by]: key, by: null });

// What hatched and pale mean, where something is.
function signs({ points, data }) {
  const open = points.some(({ is_open: isOpen }) => isOpen) && t("sign.open");
  const guessed = data.some(({ estimated }) => Number(estimated) !== 0) && t("sign.estimated");
  return [open, open && guessed && " ", guessed].filter(Boolean);
}
