import { color, draw, make, numberText, valueText } from "/assets/dom.js";

/**
 * The rows of an answer. groups and calculations name the columns; colored: rows that stand for a
 * line of the chart show its colour.
 */
export function groupTable(rows, groups, calculations, colored) {
  const columns = [...groups, ...calculations];
  const table = make("table");
  const body = make("tbody");
  let order = null, descending = true;
  const show = () => {
    const sorted = rows.map((row, index) => ({ row, index }));
    if (order !== null) sorted.sort((a, b) => compare(a.row[order], b.row[order], descending));
    body.replaceChildren(...sorted.map(({ row, index }) =>
      make("tr", {}, ...columns.map((name, column) => {
        const cell = valueCell(row[name], column >= groups.length);
        if (column === 0 && colored && index < 10) {
          const swatch = make("span", { className: "swatch" });
          swatch.style.background = color(index);
          cell.prepend(swatch);
        }
        return cell;
      }))));
  };
  const head = make("tr", {}, ...columns.map((name, column) => {
    const button = make("button", { type: "button", textContent: name, title: "Sort" });
    button.addEventListener("click", () => {
      descending = order === name ? !descending : column >= groups.length;
      order = name;
      show();
    });
    const cell = make("th", { scope: "col" }, button);
    if (column >= groups.length) cell.className = "number";
    return cell;
  }));
  show();
  table.append(make("thead", {}, head), body);
  return table;
}

/** Whole events, one a row; a click opens all fields of one. Hidden fields have no column unless named. */
export function eventTable(events, fields, hidden) {
  const columns = fields ?? commonFields(events, hidden);
  const body = make("tbody");
  for (const event of events) {
    const row = make("tr", { tabIndex: 0 },
      make("td", { className: "when", textContent: event.time }),
      ...columns.map((name) => valueCell(event.data[name], false)));
    row.addEventListener("click", () => toggleFields(row, event, columns.length + 1));
    row.addEventListener("keydown", (key) => {
      if (key.key === "Enter") toggleFields(row, event, columns.length + 1);
    });
    body.append(row);
  }
  const head = ["time", ...columns].map((name) => make("th", {
    scope: "col", textContent: name,
    className: typeof events[0].data[name] === "number" ? "number" : "",
  }));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), body);
}

function toggleFields(row, event, span) {
  if (row.nextSibling?.classList?.contains("opened")) {
    row.nextSibling.remove();
    return;
  }
  const list = make("dl", { className: "event-fields" });
  const all = { dataset: event.dataset, samplerate: event.samplerate, received: event.received,
    ...event.data };
  for (const [name, value] of Object.entries(all)) {
    list.append(make("dt", { textContent: name }), make("dd", { textContent: String(value) }));
  }
  row.after(make("tr", { className: "opened" }, make("td", { colSpan: span }, list)));
}

/** The fields worth a column: those people look at first, then the most common ones. */
function commonFields(events, hidden) {
  const first = ["name", "service.name", "duration_ms", "error", "http.status_code", "trace.trace_id"];
  const counts = new Map();
  for (const event of events) {
    for (const name of Object.keys(event.data)) {
      if (!hidden.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const rest = [...counts.keys()].filter((name) => !first.includes(name))
    .sort((a, b) => counts.get(b) - counts.get(a));
  return [...first.filter((name) => counts.has(name)), ...rest].slice(0, 7);
}

function valueCell(value, isCalculation) {
  const cell = make("td");
  if (value && value.bins) {
    cell.append(histogram(value.bins));
  } else {
    cell.textContent = valueText(value);
  }
  if (typeof value === "number" || isCalculation) cell.className = "number";
  if (value === null || value === undefined) cell.className += " missing";
  if (typeof value === "number") cell.title = String(value);
  return cell;
}

function histogram(bins) {
  const most = Math.max(...bins.map((bin) => bin.count));
  const svg = draw("svg", { viewBox: `0 0 ${bins.length} 10`, preserveAspectRatio: "none" });
  bins.forEach((bin, index) => {
    const size = Math.max(0.4, (bin.count / most) * 10);
    const bar = draw("rect", { x: index, y: 10 - size, width: 0.85, height: size },
      draw("title"));
    bar.firstChild.textContent =
      `${numberText(bin.low)} – ${numberText(bin.high)}: ${numberText(bin.count)}`;
    bar.style.fill = "var(--c0)";
    svg.append(bar);
  });
  return svg;
}

function compare(a, b, descending) {
  const kind = (v) => (v === null || v === undefined ? 0 : typeof v === "number" ? 1 : 2);
  let order = kind(a) - kind(b);
  if (order === 0 && a !== b) order = a < b ? -1 : 1;
  return descending ? -order : order;
}
