// Helpers to change the document. Data is inserted only as text or numbers, never as markup.

/** Returns the element with this id. */
export const byId = (id) => document.getElementById(id);

/** Creates an element, optionally with a class and a text. */
export function element(tag, className = "", content = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content) node.textContent = content;
  return node;
}

/** Creates an SVG element. */
export function drawn(tag, attributes = {}, content = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (content) node.textContent = content;
  return node;
}

/** Sets the text of a node, unless it is unchanged, so that the browser does not lay it out again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, or removes it with `null`, unless it is unchanged. */
export function attribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** Shows or hides a node. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** Fills a bar to `part`, from 0 to 1. */
export function fill(node, part) {
  const share = `${Math.round(Math.min(1, Math.max(0, part || 0)) * 1000) / 10}%`;
  if (node.style.inlineSize !== share) node.style.inlineSize = share;
}

/** Copies the element of a template. Returns the copy, and its parts with a `data-f` attribute by that name. */
export function stamp(templateId, translate) {
  const node = byId(templateId).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of node.querySelectorAll("[data-f]")) parts[part.dataset.f] = part;
  translate(node);
  return { node, parts };
}

const lists = new WeakMap();

/**
 * Makes `parent` contain one child for each of `items`, in their order. An item that was there before keeps its element, so
 * focus and unchanged contents are kept. Keys must be unique; `create` returns an object with a `node`.
 */
export function keyed(parent, items, keyOf, create, update) {
  let rows = lists.get(parent);
  if (!rows) lists.set(parent, (rows = new Map()));
  const wanted = new Set(items.map(keyOf));
  for (const [key, row] of rows) {
    if (wanted.has(key)) continue;
    row.node.remove();
    rows.delete(key);
  }
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    let row = rows.get(key);
    if (!row) rows.set(key, (row = create(item)));
    if (row.node === place) place = place.nextElementSibling;
    else parent.insertBefore(row.node, place);
    update(row, item);
  }
}

/** Returns the current value of a colour of the stylesheet, in a form that a canvas accepts. */
export function colour(name) {
  const probe = byId("announcer");
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.style.color = "";
  return found;
}
