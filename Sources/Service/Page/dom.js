// Elements are built, never parsed: every text from events goes through textContent.

/** Makes an element with properties and children (elements or texts). */
export function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  Object.assign(element, properties);
  element.append(...children);
  return element;
}

/** Makes an SVG element with attributes. */
export function draw(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const whole = new Intl.NumberFormat("en-US");
const large = new Intl.NumberFormat("en-US", { maximumFractionDigits: 3 });
const small = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });

/** A number as people read it: thousands separated, not more of a fraction than can matter. */
export function numberText(value) {
  if (Number.isInteger(value)) return whole.format(value);
  return (Math.abs(value) >= 1 ? large : small).format(value);
}

/** A group key or field as text; a missing one is told apart from an empty one. */
export function valueText(value) {
  if (value === null || value === undefined) return "missing";
  if (typeof value === "number") return numberText(value);
  return String(value);
}

/** The colour of the nth series. */
export function color(index) {
  return `var(--c${index % 10})`;
}
