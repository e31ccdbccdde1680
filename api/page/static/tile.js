// A part of a view with an answer of its own: it comes when that is there, and a failure is its own, too.

import { address } from "./api.js";
import { drawCharts } from "./charts.js";
import { h, plain } from "./element.js";
import { t } from "./i18n.js";
import { state } from "./state.js";
import { csv, spreadsheet } from "./table.js";

const waiting = new Set();

export async function allDrawn() {
  while (waiting.size) await Promise.allSettled([...waiting]);
}

// `load` gives {content, tables: [{file, columns, rows}], api: [path, query], foot}.
export function tile(name, { title = t(`tile.${name}`), rows = 4, span = 12 }, load) {
  const heading = h("h2", { id: `tile-${name}` }, title);
  const body = h("div.body", {}, h("p.wait", {}, t("loading")));
  const foot = h("div.foot");
  const section = h("section.tile", { "data-tile": name, "aria-labelledby": `tile-${name}` }, heading, body, foot);
  section.classList.add(`span-${span}`);
  body.style.setProperty("--rows", rows);

  async function show() {
    section.dataset.state = "waiting";
    try {
      const answer = await load(section);
      if (answer.title) heading.replaceChildren(answer.title);
      body.replaceChildren(...[answer.content].flat().filter(Boolean));
      foot.replaceChildren(...[answer.foot, downloads(answer)].flat().filter(Boolean));
      await drawCharts();
      section.dataset.state = "drawn";
    } catch (error) {
      if (error.name === "AbortError") return;
      section.dataset.state = "failed";
      body.replaceChildren(failure(error, watch));
      foot.replaceChildren();
    }
  }
  function watch() {
    const shown = show().finally(() => waiting.delete(shown));
    waiting.add(shown);
  }
  watch();
  return section;
}

export function failure(error, again) {
  if (!("status" in error)) console.error(error);
  const text = error.status === 0 ? t("api.away") : error.message || t("api.failed");
  const button = h("button", { type: "button", click: again }, t("again"));
  return h("div.failure", { role: "alert" }, h("p", {}, text), button);
}

function downloads({ tables = [], api }) {
  const links = tables.flatMap(({ file, columns, rows, label }) => [
    plain(label ? `${label}: ${t("csv.exact")}` : t("csv.exact"), () => save(`${file}.csv`, csv(columns, rows))),
    plain(t("csv.rounded"), () => save(`${file}-${t("csv.rounded.file")}.csv`, spreadsheet(columns, rows))),
  ]);
  if (api) links.push(h("a", { href: address(...api) }, "API"));
  return links;
}

function save(name, text) {
  const span = [state.get("from"), state.get("to")].filter(Boolean).join("-");
  const file = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  h("a", { href: file, download: span ? name.replace(/(\.csv)$/, `-${span}$1`) : name }).click();
  setTimeout(() => URL.revokeObjectURL(file), 1000);
}
