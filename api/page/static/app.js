// The frame: who looks, which view, and what is around every view.

import { get, leave, token } from "./api.js";
import { drawCharts } from "./charts.js";
import { a, announce, h, plain } from "./element.js";
import { LANGUAGES, language, t, time } from "./i18n.js";
import { search } from "./search.js";
import { go, link, reread, state } from "./state.js";
import { allDrawn, failure } from "./tile.js";
import { catalogue } from "./views/catalogue.js";
import { coverage } from "./views/coverage.js";
import { application, group } from "./views/detail.js";
import { overview } from "./views/overview.js";
import { runs } from "./views/runs.js";

const VIEWS = { overview, group, application, coverage, runs, catalogue };
const header = document.getElementById("header");
const main = document.getElementById("main");
const footer = document.getElementById("footer");
let shown = 0;
let unprinted; // the theme before it was printed

async function show({ focus = false } = {}) {
  const turn = ++shown;
  const control = focus && document.activeElement?.name;
  leave();
  reread();
  delete document.body.dataset.ready;
  let me;
  try {
    me = await caller();
  } catch (error) {
    return failed(error);
  }
  const name = state.get("view") ?? "overview";
  const view = VIEWS[name] ?? overview;
  frame(me, name);
  footer.replaceChildren();
  main.replaceChildren();
  document.title = "FinOps";
  let parts;
  try {
    parts = me.months.length || name === "runs" ? await view(me) : nothingYet(me);
  } catch (error) {
    return failed(error);
  }
  if (turn !== shown) return;
  main.replaceChildren(...[parts].flat());
  const heading = main.querySelector("h1");
  if (heading) document.title = `${heading.textContent} · FinOps`;
  if (focus) ((control && main.querySelector(`[name="${control}"]`)) || main).focus({ preventScroll: true });
  await allDrawn();
  if (turn !== shown) return;
  foot(me);
  document.body.dataset.ready = "true";
  performance.mark("ready");
  announce(t("shown", { title: heading?.textContent ?? "" }));
}

// Who looks, and the months that there are.
async function caller() {
  const unpublished = (error) => (error.status === 503 ? { data: [] } : Promise.reject(error));
  const periods = get("periods", "limit=1000").catch(unpublished);
  const [me, { data }] = await Promise.all([get("me"), periods]);
  const open = data.filter(({ is_open: isOpen }) => isOpen).map(({ period }) => period);
  return { ...me, months: [...new Set(data.map(({ period }) => period))], open: new Set(open) };
}

function frame(me, name) {
  const tabs = ["overview", "coverage", ...(me.everything ? ["runs"] : []), "catalogue"];
  const links = tabs.map((view) => {
    const found = a(link(view), t(`view.${view}`));
    if (view === name) found.setAttribute("aria-current", "page");
    return found;
  });
  header.replaceChildren(
    h("a.brand", { href: link("overview"), "data-here": true }, "FinOps"),
    h("nav", { "aria-label": t("views") }, links),
    search(),
    settings(),
  );
}

function foot(me) {
  const asOf = me.as_of ? t("as.of", { time: time(me.as_of) }) : "";
  footer.replaceChildren(
    h("p", {}, asOf, " ", me.everything ? t("sees.everything") : seen(me)),
    h("p", {}, h("a", { href: "docs" }, t("api")), " · ", h("a", { href: licences() }, t("licences"))),
  );
}

const seen = ({ groups }) => (groups.length ? t("sees.groups", { groups: groups.join(", ") }) : t("sees.nothing"));
const licences = () => document.getElementById("chart-library").src.replace("chart.js", "licences.txt");

// What this reader chose is kept, and the page is drawn again in it.
function settings() {
  const chosen = (what, value) => () => (localStorage.setItem(what, value), location.reload());
  const isDark = document.documentElement.dataset.theme === "dark";
  const languages = LANGUAGES.map((name) =>
    plain(name.toUpperCase(), chosen("language", name), { lang: name, "aria-pressed": `${name === language}` }),
  );
  const dark = plain(t("dark"), chosen("theme", isDark ? "light" : "dark"), { "aria-pressed": `${isDark}` });
  const signOut = token.get() && plain(t("token.forget"), () => (token.forget(), location.reload()));
  return h("div.settings", {}, languages, dark, signOut);
}

function inTheme(name) {
  document.documentElement.dataset.theme = name;
  drawCharts({ again: true });
}

function nothingYet({ everything, groups }) {
  const why = !everything && !groups.length ? "no.groups" : "nothing.yet";
  return h("section.notice", {}, h("h1", {}, t(why)), h("p", {}, t(`${why}.remedy`)));
}

function failed(error) {
  if (error.name === "AbortError" || error.status === 401) return;
  main.replaceChildren(h("section.notice", {}, h("h1", {}, t("api.failed")), failure(error, () => show())));
}

// A proxy passes its caller's credential on; without one, a token is typed in once, for this session of the browser.
function askForToken() {
  const was = token.get();
  if (!was && document.getElementById("token")) return; // another question of the same page was refused
  token.forget();
  const input = h("input", { id: "token", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  function enter(event) {
    event.preventDefault();
    token.set(input.value.trim());
    show();
  }
  header.replaceChildren(h("span.brand", {}, "FinOps"), settings());
  footer.replaceChildren();
  const parts = [
    h("h1", {}, t("token.title")),
    was && h("p.failure", { role: "alert" }, t("token.unknown")),
    h("p", {}, t("token.text")),
    h("label", { for: "token" }, t("token.label")),
  ];
  const form = { submit: enter };
  main.replaceChildren(h("form.notice", form, parts, input, h("button", { type: "submit" }, t("token.enter"))));
  input.focus();
}

addEventListener("click", (event) => {
  const found = event.target.closest?.("a[data-here]");
  if (!found || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(found.getAttribute("href"));
  scrollTo(0, 0);
});
addEventListener("beforeprint", () => {
  unprinted = document.documentElement.dataset.theme;
  document.querySelectorAll("main details").forEach((part) => (part.open = true));
  inTheme("light");
});
addEventListener("afterprint", () => inTheme(unprinted));
addEventListener("popstate", () => show());
addEventListener("shown", () => show({ focus: true }));
addEventListener("unknown-caller", askForToken);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts({ again: true }));
show();
