// Elements of the page, made without HTML: what an answer says is always a text.

// h("td.number", {title}, …): an element. A function is a listener; undefined or false leaves an attribute out.
export function h(name, attributes = {}, ...children) {
  const [tag, ...classes] = name.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

export const a = (href, ...children) => h("a", { href, "data-here": href.startsWith("?") }, ...children);

export const plain = (text, click, more) => h("button.plain", { type: "button", click, ...more }, text);

export function announce(text) {
  document.getElementById("status").textContent = text;
}
