import { make, numberText, valueText } from "/assets/dom.js";
import { timeChart } from "/assets/chart.js";
import { comparison } from "/assets/comparison.js";
import { eventTable, groupTable } from "/assets/table.js";

const at = (id) => document.getElementById(id);
const query = at("query"), run = at("run"), status = at("status"), problem = at("problem");
let running = null;

// MARK: asking the server

/** The key of this tab, for servers that ask for one. */
function headers() {
  const key = sessionStorage.getItem("key");
  return key ? { "X-Honeycomb-Team": key } : {};
}

async function ask(path, options = {}) {
  const response = await fetch(path, {
    ...options, headers: { ...headers(), ...options.headers },
  });
  at("key-form").hidden = response.status !== 401;
  const body = await response.json().catch((error) => {
    // A body that was given up for the next question is no answer, and no problem either.
    if (options.signal?.aborted) throw error;
    return { error: `HTTP ${response.status}` };
  });
  if (!response.ok) throw Object.assign(new Error(body.error ?? "the question failed"), body);
  return body;
}

async function runQuery() {
  const text = query.value.trim();
  if (!text) return;
  fitEditor();
  running?.abort();
  const mine = (running = new AbortController());
  run.disabled = true;
  status.textContent = "Running…";
  forgetProblem();
  rememberInLink(text);
  try {
    const answer = await ask("/api/query", {
      method: "POST", signal: mine.signal, headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query: text, series: true, heatmap: true }),
    });
    showAnswer(answer);
  } catch (error) {
    if (mine.signal.aborted) return;
    status.textContent = "";
    showProblem(error);
  } finally {
    if (running === mine) run.disabled = false;
  }
}

// MARK: the answer

function showAnswer(answer) {
  at("examples").hidden = true;
  at("as-csv").hidden = sessionStorage.getItem("key") !== null;
  at("as-csv").href = `/api/query?format=csv&q=${encodeURIComponent(query.value.trim())}`;
  if (answer.fields) showComparison(answer);
  else showRows(answer);
}

/** What a selection has more of than the other events; a condition that is chosen narrows the question. */
function showComparison(answer) {
  status.textContent = describe(answer.meta, answer.fields.length, "field");
  at("charts").replaceChildren();
  at("table").replaceChildren(comparison(answer, (condition) => {
    const stages = splitStages(query.value);
    const place = stages.findIndex((stage) => /^\s*bubbleup\b/.test(stage));
    stages.splice(place, 0, ` where ${condition} `);
    query.value = stages.join("|");
    runQuery();
  }));
}

function showRows(answer) {
  const { data, meta } = answer;
  status.textContent = describe(meta, data.results.length, "row");
  const columns = meta.columns ?? { groups: [], calculations: [] };
  const isEvents = columns.calculations.length === 0;
  at("charts").replaceChildren(...(isEvents ? [] : charts(answer, columns)));
  if (data.results.length === 0) {
    at("table").replaceChildren(
      make("p", { className: "empty", textContent: "No events match in this time." }));
  } else if (isEvents) {
    at("table").replaceChildren(eventTable(data.results, columns.fields, hidden));
  } else {
    const rows = data.results.map((row) => row.data);
    at("table").replaceChildren(groupTable(rows, columns.groups, columns.calculations,
      columns.groups.length > 0 && (data.series?.length ?? 0) > 0));
  }
}

function describe(meta, count, what) {
  const parts = [
    `${numberText(count)} ${count === 1 ? what : `${what}s`}`,
    `${numberText(meta.events)} events match`,
    `${numberText(meta.rows_scanned)} rows read`,
    `${numberText(meta.elapsed_ms)} ms`,
  ];
  if (meta.partial) parts.push("partial: the time or memory of a query ran out");
  const rough = Object.entries(meta.approximate ?? {});
  if (rough.length) {
    parts.push(rough.map(([name, error]) => `${name} to ${error * 100} %`).join(", "));
  }
  return parts.join(" · ");
}

function charts(answer, columns) {
  const series = answer.data.series ?? [];
  if (!series.length) return [];
  const range = answer.meta.time_range.map((time) => Date.parse(time));
  const groupOf = (row) => JSON.stringify(columns.groups.map((name) => row[name] ?? null));
  const indexes = new Map(
    answer.data.results.slice(0, 10).map((row, index) => [groupOf(row.data), index]));
  const step = (answer.meta.granularity ?? 0) * 1000;
  return columns.calculations.map((calculation) => {
    const lines = new Map();
    for (const { time, data } of series) {
      const group = groupOf(data);
      const index = indexes.get(group);
      if (index === undefined) continue;
      if (!lines.has(group)) {
        const label = columns.groups.map((name) => valueText(data[name])).join(" · ");
        lines.set(group, { label: label || calculation, index, points: [] });
      }
      lines.get(group).points.push([Date.parse(time), data[calculation]]);
    }
    for (const line of lines.values()) {
      if (calculation === "COUNT") line.points = withZeros(line.points, range, step);
      line.points.sort((a, b) => a[0] - b[0]);
    }
    const matrix = answer.data.heatmaps?.find((heatmap) => heatmap.calculation === calculation);
    return timeChart(calculation, [...lines.values()], matrix, range, step, (from, to, edges) => {
      const field = edges && countedField(calculation);
      if (field) compareBox(field, from, to, edges);
      else zoom(from, to);
    });
  });
}

/** Puts a zero into every bucket that has no event: nothing was counted there. */
function withZeros(points, range, step) {
  if (!step) return points;
  const known = new Map(points);
  const filled = [];
  for (let t = Math.floor(range[0] / step) * step; t < range[1]; t += step) {
    filled.push([t, known.get(t) ?? 0]);
  }
  return filled;
}

/** Makes room for all lines of the query, within reason. */
function fitEditor() {
  query.rows = Math.min(14, Math.max(3, query.value.split("\n").length));
}

/** Asks the same question of a stretch of time. */
function zoom(from, to) {
  const stage = `between ${new Date(from).toISOString()} and ${new Date(to).toISOString()}`;
  const parts = splitStages(query.value);
  const place = parts.findIndex((part) => /^\s*(last|between)\b/.test(part));
  if (place >= 0) parts[place] = ` ${stage} `;
  else parts.splice(1, 0, ` ${stage} `);
  query.value = parts.join("|");
  runQuery();
}

/** The field whose numbers a heatmap counts, as the query language has it; null where that cannot be told. */
function countedField(calculation) {
  const inside = /^heatmap\((.*)\)$/i.exec(calculation)?.[1] ?? null;
  return fields.some((field) => field.key_name === inside) ? quoted(inside) : inside;
}

/** Asks what sets the events of a box in a heatmap apart from all others of the question. */
function compareBox(field, from, to, [low, high]) {
  const stages = splitStages(query.value).map((stage) => stage.trim())
    .filter((stage) => !/^(stats|having|sort|limit|step|compare)\b/.test(stage))
    .map((stage) => stage.replace(/^((?:last|between)\b.*?)\s+step\s.*$/s, "$1"));
  const conditions = [
    `timestamp >= ${new Date(from).toISOString()}`, `timestamp < ${new Date(to).toISOString()}`,
    low === null ? `exists(${field})` : `${field} >= ${low}`,
  ];
  if (high !== null) conditions.push(`${field} < ${high}`);
  query.value = [...stages, `bubbleup where ${conditions.join(" and ")}`].join("\n| ");
  runQuery();
}

/** The text between the pipes, not counting pipes in quotes. */
function splitStages(text) {
  const parts = [""];
  let quote = null;
  for (const character of text) {
    if (quote) quote = character === quote ? null : quote;
    else if (`"'\``.includes(character)) quote = character;
    if (character === "|" && !quote) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts;
}

// MARK: what is wrong

function forgetProblem() {
  problem.hidden = true;
  at("marks").replaceChildren();
}

/** Tells what is wrong and marks the place in the text. */
function showProblem(error) {
  const place = error.line ? ` (line ${error.line}, column ${error.column})` : "";
  problem.replaceChildren(error.message + place);
  const expected = [].concat(error.expected ?? []);
  if (expected.length) {
    problem.append(
      make("span", { className: "expected", textContent: `Expected ${expected.join(", ")}` }));
  }
  problem.hidden = false;
  if (!error.line) return;
  const lines = query.value.trim().split("\n");
  const indent = query.value.length - query.value.trimStart().length;
  const before = lines.slice(0, error.line - 1).reduce((sum, line) => sum + line.length + 1, indent);
  const start = Math.min(before + error.column - 1, query.value.length);
  const word = /^[\w.\-/:]+|^./.exec(query.value.slice(start))?.[0] ?? " ";
  at("marks").replaceChildren(
    query.value.slice(0, start), make("mark", { textContent: word }),
    query.value.slice(start + word.length));
  query.focus();
  query.setSelectionRange(start, start);
}

// MARK: the link

function rememberInLink(text) {
  const link = `#q=${encodeURIComponent(text)}`;
  if (location.hash !== link) history.pushState(null, "", link);
}

function readLink() {
  const text = new URLSearchParams(location.hash.slice(1)).get("q");
  if (text) query.value = text;
  return Boolean(text);
}

// MARK: datasets, fields, examples

let fields = [];
/** Names of fields that somebody hid: not offered, and no columns of their own. */
let hidden = new Set();

async function showDatasets() {
  const datasets = await ask("/1/datasets");
  datasets.sort((a, b) => a.name.localeCompare(b.name));
  at("dataset").replaceChildren(
    ...datasets.map((set) => make("option", { value: set.slug, textContent: set.name })));
  const shop = datasets.find((set) => set.slug === "shop") ?? datasets[0];
  if (!shop) {
    at("dataset").replaceChildren(make("option", { textContent: "none yet", disabled: true }));
    at("examples").replaceChildren(make("p", {
      className: "empty",
      textContent: "No events yet. Send some: widefield generate | widefield send --dataset shop -",
    }));
    return;
  }
  at("dataset").value = shop.slug;
  if (!query.value) query.value = `from ${quoted(shop.slug)} | last 2h | stats count()`;
  showExamples(quoted(shop.slug));
  await showFields();
}

async function showFields() {
  const all = await ask(`/1/columns/${encodeURIComponent(at("dataset").value)}`);
  hidden = new Set(all.filter((field) => field.hidden).map((field) => field.key_name));
  fields = all.filter((field) => !field.hidden);
  fields.sort((a, b) => a.key_name.localeCompare(b.key_name));
  filterFields();
}

function filterFields() {
  const wanted = at("field-filter").value.toLowerCase();
  at("fields").replaceChildren(
    ...fields.filter((field) => field.key_name.toLowerCase().includes(wanted)).map((field) => {
      const button = make("button", { type: "button", title: `Insert ${field.key_name}` },
        make("span", { className: "name", textContent: field.key_name }),
        make("span", { className: "type", textContent: field.type }));
      button.addEventListener("click", () => {
        query.setRangeText(quoted(field.key_name), query.selectionStart, query.selectionEnd, "end");
        query.focus();
      });
      return make("li", {}, button);
    }));
}

/** A name as the query language takes it: bare where it can be, else in backquotes. */
function quoted(name) {
  return /^[A-Za-z_][\w.\-/:]*$/.test(name) ? name : "`" + name.replaceAll("`", "``") + "`";
}

function showExamples(dataset) {
  const examples = [
    ["How much is asked of each service", `from ${dataset} | last 2h
| stats count(), p99(duration_ms) by service.name
| sort count() desc`],
    ["How long requests take", `from ${dataset} | last 2h
| where not exists(trace.parent_id)
| stats heatmap(duration_ms)`],
    ["What fails, and since which deployment", `from ${dataset} | last 2h
| where error = true
| stats count() by deployment_id
| sort count() desc | limit 10`],
    ["The slowest requests", `from ${dataset} | last 2h
| where duration_ms > 10000
| fields name, service.name, duration_ms, cart_items, app.flag.new_pricing
| sort duration_ms desc | limit 20`],
  ];
  at("examples").replaceChildren(...examples.map(([title, text]) => {
    const button = make("button", { type: "button" }, make("strong", { textContent: title }),
      make("code", { textContent: text }));
    button.addEventListener("click", () => { query.value = text; runQuery(); });
    return button;
  }));
}

// MARK: beginning

async function begin() {
  try {
    const who = await ask("/1/auth");
    at("place").textContent = who.environment.name;
    await showDatasets();
    if (readLink()) await runQuery();
  } catch (error) {
    if (at("key-form").hidden) showProblem(error);
  }
}

at("ask").addEventListener("submit", (event) => { event.preventDefault(); runQuery(); });
query.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    runQuery();
  }
});
query.addEventListener("input", () => { forgetProblem(); fitEditor(); });
query.addEventListener("scroll", () => { at("marks").scrollTop = query.scrollTop; });
at("dataset").addEventListener("change", () => {
  showExamples(quoted(at("dataset").value));
  showFields().catch(showProblem);
});
at("field-filter").addEventListener("input", filterFields);
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("key", at("key").value.trim());
  at("forget-key").hidden = false;
  begin();
});
at("forget-key").hidden = sessionStorage.getItem("key") === null;
at("forget-key").addEventListener("click", () => {
  sessionStorage.removeItem("key");
  location.reload();
});
window.addEventListener("popstate", () => { if (readLink()) runQuery(); });
begin();
