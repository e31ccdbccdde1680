// Applications and groups by a part of their id or name.

import { get } from "./api.js";
import { a, announce, h } from "./element.js";
import { t } from "./i18n.js";
import { link } from "./state.js";

const PAUSE = 200; // milliseconds of no typing
const MOST = 6;

export function search() {
  const found = h("ul.found", { hidden: true });
  const label = { "aria-label": t("search"), placeholder: t("search") };
  const input = h("input", { type: "search", ...label, autocomplete: "off", maxlength: 200, input: later });
  const box = h("div.search", { role: "search", keydown: move, focusout: maybeClose }, input, found);
  let timer;
  let asked = 0;

  function later() {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE);
  }
  async function ask() {
    const turn = ++asked;
    const text = input.value.trim();
    if (!text) return close();
    const query = new URLSearchParams({ q: text, limit: MOST });
    const asking = ["applications", "groups"].map((list) => get(list, query));
    const [applications, groups] = await Promise.all(asking).catch(() => []);
    if (turn !== asked || !applications) return;
    const items = [
      ...groups.data.map(({ group_id: id, group_name: name }) => item("group", id, name)),
      ...applications.data.map(({ application_id: id, application_name: name }) => item("application", id, name)),
    ];
    found.replaceChildren(...(items.length ? items : [h("li.empty", {}, t("search.nothing", { text }))]));
    found.hidden = false;
    announce(t("search.found", { count: items.length }));
  }
  function item(kind, id, name) {
    const text = name === id ? id : [name, " ", h("small", {}, id)];
    return h("li", {}, a(link(kind, { id }), h("span.kind", {}, t(`view.${kind}`)), h("bdi", {}, text)));
  }
  function move(event) {
    const stops = [input, ...found.querySelectorAll("a")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") close();
    if (!step) return;
    event.preventDefault();
    stops[stops.indexOf(document.activeElement) + step]?.focus();
  }
  function maybeClose(event) {
    if (!box.contains(event.relatedTarget)) close();
  }
  function close() {
    found.hidden = true;
  }
  return box;
}
