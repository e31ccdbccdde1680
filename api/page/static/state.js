// What is shown is in the address: it can be shared, and survives a reload.

const KEPT = ["from", "to", "currency", "domain", "family", "product", "source", "charge_category", "by"];
export const FILTERS = ["domain", "family", "product", "source", "charge_category"];

export const state = new URLSearchParams(location.search);

// An address of another view: the period and the filters stay, all else is what is given.
export function link(view, changes = {}) {
  const query = new URLSearchParams();
  if (view !== "overview") query.set("view", view);
  for (const name of KEPT) for (const value of state.getAll(name)) query.append(name, value);
  return `?${changed(query, changes)}`;
}

// This view with other values; null takes one away.
export function here(changes) {
  return `?${changed(new URLSearchParams(state), changes)}`;
}

export function go(address, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", address);
  dispatchEvent(new Event("shown"));
}

export function reread() {
  for (const name of [...state.keys()]) state.delete(name);
  for (const [name, value] of new URLSearchParams(location.search)) state.append(name, value);
}

// What every question about costs has in common.
export function selection(me, names = ["from", "to", ...FILTERS], more = {}) {
  const query = new URLSearchParams();
  for (const name of names) for (const value of state.getAll(name)) query.append(name, value);
  if (me.currencies.length > 1) query.set("currency", currency(me));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return query;
}

export function currency(me) {
  const fallback = me.currencies.includes(me.reporting_currency) ? me.reporting_currency : me.currencies[0];
  return state.get("currency") ?? fallback;
}

function changed(query, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  return query;
}

// Months are texts, YYYY-MM.
export function shifted(month, months) {
  const [year, number] = month.split("-").map(Number);
  const index = year * 12 + number - 1 + months;
  return `${Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`;
}

export function monthsBetween(first, last) {
  const months = [];
  for (let month = first; month <= last; month = shifted(month, 1)) months.push(month);
  return months;
}
