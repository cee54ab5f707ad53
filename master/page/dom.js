// What the parts of the page do to the document. Data gets into it as text and as numbers only, never as markup.

/** The element of this id. */
export const byId = (id) => document.getElementById(id);

/** A new element, perhaps with a class and a text. */
export function element(tag, className = "", content = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (content) node.textContent = content;
  return node;
}

/** A new element of a drawing. */
export function drawn(tag, attributes = {}, content = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (content) node.textContent = content;
  return node;
}

/** Sets a text. What has not changed is left alone: the browser has nothing to lay out again then. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Sets an attribute, or takes it away with `null`; what has not changed is left alone. */
export function attribute(node, name, value) {
  if (node.getAttribute(name) === value) return;
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

/** Shows or hides. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** How much of a bar is filled, 0 to 1. */
export function fill(node, part) {
  const share = `${Math.round(Math.min(1, Math.max(0, part || 0)) * 1000) / 10}%`;
  if (node.style.inlineSize !== share) node.style.inlineSize = share;
}

/** A copy of a template's element, and those within it that have a `data-f`, by that name. */
export function stamp(templateId, translate) {
  const node = byId(templateId).content.firstElementChild.cloneNode(true);
  const parts = {};
  for (const part of node.querySelectorAll("[data-f]")) parts[part.dataset.f] = part;
  translate(node);
  return { node, parts };
}

const lists = new WeakMap();

/**
 * Makes the children of `parent` those of `items`, in their order. An item that was there before keeps its element, and
 * with it the focus and everything that has not changed. Keys are unique; `create` gives an object with a `node`.
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

/** What the stylesheet says a colour is now, in a form that a canvas takes. */
export function colour(name) {
  const probe = byId("announcer");
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.style.color = "";
  return found;
}
