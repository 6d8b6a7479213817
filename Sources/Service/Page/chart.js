import { color, draw, make, numberText } from "/assets/dom.js";

const width = 1000, height = 190;
const left = 56, right = 12, top = 8, bottom = 22;

/**
 * A chart of one calculation over time: a line for each group, or a heatmap where a matrix is given.
 *
 * series: [{label, index, points: [[milliseconds, value]]}], range: [from, to] in milliseconds,
 * step: width of a bucket, onSelect(from, to, edges): a stretch of time was marked with the pointer, of a heatmap
 * perhaps with the bounds of its values.
 */
export function timeChart(title, series, matrix, range, step, onSelect) {
  const svg = draw("svg", {
    viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${title} over time`,
  });
  const chart = make("div", { className: "chart" }, make("h2", { textContent: title }), svg);
  const scale = (t) => left + ((t - range[0]) / (range[1] - range[0])) * (width - left - right);
  const body = matrix ? heatmap(matrix, scale, step) : lines(series, scale, step);
  svg.append(...body.elements, ...timeTicks(range, scale));
  addPointer(chart, svg, series, range, scale, body.valueEdges, onSelect);
  return chart;
}

// The text of an SVG that is stretched would be stretched with it; labels are undone by a transform
// once the width on the screen is known.
function label(x, y, text, anchor) {
  const element = draw("text", { x, y, class: "tick", "text-anchor": anchor });
  element.textContent = text;
  return element;
}

function lines(series, scale, step) {
  const values = series.flatMap((s) => s.points.map((p) => p[1])).filter(Number.isFinite);
  const low = Math.min(0, ...values), high = niceCeiling(Math.max(...values, low + 1e-9));
  const y = (v) => height - bottom - ((v - low) / (high - low)) * (height - top - bottom);
  const elements = [];
  for (let i = 0; i <= 4; i++) {
    const value = low + ((high - low) * i) / 4;
    elements.push(
      draw("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "grid" }),
      label(left - 8, y(value) + 4, shortNumber(value), "end"));
  }
  for (const s of series) {
    const points = s.points.filter((p) => Number.isFinite(p[1]));
    if (points.length === 1) {
      const [t, v] = points[0];
      elements.push(draw("circle", { cx: scale(t), cy: y(v), r: 3 }));
      elements.at(-1).style.fill = color(s.index);
      continue;
    }
    const path = draw("path", {
      class: "line", "vector-effect": "non-scaling-stroke",
      d: points.map((p, i) => {
        // Where buckets are absent there is no line either.
        const isJoined = i > 0 && (!step || p[0] - points[i - 1][0] < 1.5 * step);
        const place = `${scale(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`;
        return isJoined ? `L${place}` : `M${place}h0`;
      }).join(""),
    });
    path.style.stroke = color(s.index);
    elements.push(path);
  }
  return { elements };
}

/**
 * The matrix of a heatmap, all groups together: a column a time, a row a bin, those below and above all others
 * only where they have something. valueEdges(y1, y2) are the bounds of the rows between two heights, null where
 * a bound is open.
 */
function heatmap(matrix, scale, step) {
  const total = matrix.times.map((_, column) => matrix.bins.map((_, bin) =>
    matrix.groups.reduce((sum, { columns }) => sum + columns[column][bin], 0)));
  const isUsed = (bin) => total.some((counts) => counts[bin] > 0);
  const last = matrix.bins.length - 1;
  const from = isUsed(0) ? 0 : 1, to = isUsed(last) ? last : last - 1;
  const rows = Math.max(1, to - from + 1), rowHeight = (height - top - bottom) / rows;
  const y = (bin) => height - bottom - (bin - from) * rowHeight;
  const most = Math.max(1, ...total.flat());
  const elements = [];
  total.forEach((counts, column) => {
    const time = Date.parse(matrix.times[column]);
    const [x1, x2] = [scale(time), scale(time + step)];
    for (let bin = from; bin <= to; bin++) {
      if (!counts[bin]) continue;
      const rect = draw("rect", {
        class: "cell", x: x1, y: y(bin + 1), width: Math.max(1, x2 - x1), height: Math.max(1.5, rowHeight),
      });
      rect.style.fill = "var(--c0)";
      rect.style.opacity = 0.12 + 0.88 * (Math.log1p(counts[bin]) / Math.log1p(most));
      elements.push(rect);
    }
  });
  for (let i = 0; i <= 4; i++) {
    const bin = Math.round(from + (rows * i) / 4);
    const edge = matrix.bins[bin]?.low ?? matrix.bins[bin - 1]?.high;
    if (edge !== null && edge !== undefined) {
      elements.push(label(left - 8, y(bin) + 4, shortNumber(edge), "end"));
    }
  }
  const binAt = (place) =>
    Math.min(to, Math.max(from, from + Math.floor((height - bottom - place) / rowHeight)));
  const valueEdges = (y1, y2) =>
    [matrix.bins[binAt(Math.max(y1, y2))].low, matrix.bins[binAt(Math.min(y1, y2))].high];
  return { elements, valueEdges };
}

function niceCeiling(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((m) => m * unit).find((v) => v >= value);
}

function shortNumber(value) {
  const size = Math.abs(value);
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (size >= unit) return `${+(value / unit).toPrecision(3)}${name}`;
  }
  return `${+value.toPrecision(3)}`;
}

const minute = 60e3, hour = 60 * minute, day = 24 * hour;
const tickSteps = [
  1e3, 5e3, 15e3, 30e3, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute,
  hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour, day, 2 * day, 7 * day, 30 * day, 365 * day,
];

function timeTicks(range, scale) {
  const step = tickSteps.find((s) => (range[1] - range[0]) / s <= 9) ?? 365 * day;
  const offset = new Date(range[0]).getTimezoneOffset() * minute;
  const ticks = [];
  for (let t = Math.ceil((range[0] - offset) / step) * step + offset; t <= range[1]; t += step) {
    const date = new Date(t);
    const text = step >= day
      ? date.toLocaleDateString([], { month: "short", day: "numeric" })
      : date.toLocaleTimeString([], {
        hour: "2-digit", minute: "2-digit", second: step < minute ? "2-digit" : undefined,
        hour12: false,
      });
    ticks.push(label(scale(t), height - 6, text, "middle"));
  }
  return ticks;
}

/** Shows what lies under the pointer; a drag marks a stretch of time, one that is also high a box of a heatmap. */
function addPointer(chart, svg, series, range, scale, valueEdges, onSelect) {
  const cursor = draw("line", { y1: top, y2: height - bottom, class: "cursor" });
  const brush = draw("rect", { y: top, height: height - top - bottom, class: "brush" });
  const tip = make("div", { className: "tip", hidden: true });
  let dragFrom = null, dragTop = 0;
  const heightAt = (event) => {
    const place = event.clientY - svg.getBoundingClientRect().top;
    return Math.min(height - bottom, Math.max(top, place));
  };
  const isBox = (event) => valueEdges && Math.abs(heightAt(event) - dragTop) > 8;
  const timeAt = (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const share = (x - left) / (width - left - right);
    return range[0] + Math.min(1, Math.max(0, share)) * (range[1] - range[0]);
  };
  svg.addEventListener("pointermove", (event) => {
    const time = timeAt(event);
    if (dragFrom !== null) {
      const [a, b] = [Math.min(dragFrom, time), Math.max(dragFrom, time)];
      brush.setAttribute("x", scale(a));
      brush.setAttribute("width", scale(b) - scale(a));
      const [y1, y2] = isBox(event)
        ? [dragTop, heightAt(event)].sort((a, b) => a - b) : [top, height - bottom];
      brush.setAttribute("y", y1);
      brush.setAttribute("height", y2 - y1);
      svg.append(brush);
    }
    cursor.setAttribute("x1", scale(time));
    cursor.setAttribute("x2", scale(time));
    svg.append(cursor);
    if (!valueEdges) showTip(tip, series, time, event, chart);
  });
  svg.addEventListener("pointerleave", () => { tip.hidden = true; cursor.remove(); });
  svg.addEventListener("pointerdown", (event) => {
    dragFrom = timeAt(event);
    dragTop = heightAt(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", (event) => {
    const [from, to] = [dragFrom, timeAt(event)].sort((a, b) => a - b);
    dragFrom = null;
    brush.remove();
    const edges = isBox(event) ? valueEdges(dragTop, heightAt(event)) : null;
    if (scale(to) - scale(from) > 8) onSelect(from, to, edges);
  });
  chart.append(tip);
  // Undo the stretching of the labels.
  new ResizeObserver(() => {
    const box = svg.getBoundingClientRect();
    const stretch = box.width / width;
    if (!stretch) return;
    for (const text of svg.querySelectorAll(".tick")) {
      const x = text.getAttribute("x");
      text.setAttribute("transform", `translate(${x} 0) scale(${1 / stretch} 1) translate(${-x} 0)`);
    }
  }).observe(svg);
}

function showTip(tip, series, time, event, chart) {
  const rows = [];
  let shown = null;
  for (const s of series) {
    let near = null;
    for (const point of s.points) {
      if (!near || Math.abs(point[0] - time) < Math.abs(near[0] - time)) near = point;
    }
    if (!near || !Number.isFinite(near[1])) continue;
    shown ??= near[0];
    if (near[0] === shown) rows.push([s, near[1]]);
  }
  if (!rows.length) { tip.hidden = true; return; }
  rows.sort((a, b) => b[1] - a[1]);
  tip.replaceChildren(
    make("time", { textContent: new Date(shown).toLocaleString() }),
    ...rows.slice(0, 10).map(([s, value]) => {
      const swatch = make("span", { className: "swatch" });
      swatch.style.background = color(s.index);
      return make("div", {}, swatch, make("span", { className: "label", textContent: s.label }),
        make("strong", { textContent: numberText(value) }));
    }));
  tip.hidden = false;
  const box = chart.getBoundingClientRect();
  const x = event.clientX - box.left;
  tip.style.left = `${x > box.width / 2 ? x - tip.offsetWidth - 16 : x + 16}px`;
  tip.style.top = "34px";
}
