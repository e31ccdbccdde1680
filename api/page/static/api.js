// Questions to /v1, and the one token that this browser's session may know.

const TOKEN = "finops-token";
let leaving = new AbortController();

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(TOKEN),
  set: (text) => sessionStorage.setItem(TOKEN, text),
  forget: () => sessionStorage.removeItem(TOKEN),
};

// Answers of a view that was left are of no use.
export function leave() {
  leaving.abort();
  leaving = new AbortController();
}

export async function get(path, query = "") {
  const headers = { Accept: "application/json" };
  const used = token.get();
  if (used) headers.Authorization = `Bearer ${used}`;
  let answer;
  try {
    answer = await fetch(address(path, query), { headers, signal: leaving.signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  // a late answer says nothing of a token that was typed in since
  if (answer.status === 401 && used === token.get()) dispatchEvent(new Event("unknown-caller"));
  throw new Problem(answer.status, body.detail ?? answer.statusText);
}

// An answer that several tiles show: asked for once, and again after it failed.
export function shared(ask) {
  let answer;
  return () => (answer ??= ask().catch((error) => ((answer = undefined), Promise.reject(error))));
}

// All lines of a list, page after page.
export async function all(path, query = "") {
  const lines = [];
  const asked = new URLSearchParams(query);
  asked.set("limit", "1000");
  for (let answer; ; asked.set("cursor", answer.next)) {
    answer = await get(path, asked);
    lines.push(...answer.data);
    if (!answer.next) return { ...answer, data: lines };
  }
}

export function address(path, query = "") {
  const text = `${query}`;
  return `v1/${path}${text ? `?${text}` : ""}`;
}

// A name may have a slash, as CI/CD does.
export const named = (kind, name) => `${kind}/${encodeURIComponent(name)}`;
