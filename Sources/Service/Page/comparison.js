import { draw, make, numberText, valueText } from "/assets/dom.js";

const fieldsMax = 30, valuesMax = 5;

/**
 * What a selection has more of than the other events: a card for each field that tells the two apart, those that
 * tell most first. onNarrow(condition): the events that meet a condition were asked for.
 */
export function comparison(answer, onNarrow) {
  const sizes = answer.meta;
  const shares = (counts) => [
    counts.selection / Math.max(1, sizes.selection), counts.baseline / Math.max(1, sizes.baseline)];
  const telling = answer.fields.filter((field) => field.score > 0).slice(0, fieldsMax);
  if (!telling.length) {
    return make("p", {
      className: "empty", textContent: "No field tells the selection from the other events beyond chance." });
  }
  const legend = make("p", { className: "compared-sizes" },
    make("span", { className: "swatch in-selection" }), ` ${numberText(sizes.selection)} selected `,
    make("span", { className: "swatch in-baseline" }), ` ${numberText(sizes.baseline)} others · score: `
      + answer.statistic.score);
  const pairs = (answer.pairs ?? []).map((pair) => make("li", {},
    narrowing(pair.where, onNarrow), barPair(shares(pair), pair), scoreText(pair.score)));
  const cards = telling.map((field) => make("section", { className: "compared" },
    make("h3", {}, make("span", { textContent: field.field }), scoreText(field.score)),
    field.bins ? binChart(field.bins, shares) : valueList(field, shares),
    narrowing(field.where, onNarrow)));
  return make("div", {}, legend,
    ...(pairs.length ? [make("ul", { className: "compared-pairs" }, ...pairs)] : []),
    make("div", { className: "compared-fields" }, ...cards));
}

function scoreText(score) {
  return make("span", { className: "score", textContent: score.toFixed(2) });
}

/** A condition that, clicked, narrows the question to the events that meet it. */
function narrowing(condition, onNarrow) {
  if (!condition) return "";
  const button = make("button", { type: "button", className: "narrow", title: "Ask about these only" },
    make("code", { textContent: condition }));
  button.addEventListener("click", () => onNarrow(condition));
  return button;
}

/** The values that the selection has most more of, each with a bar of both sets. */
function valueList(field, shares) {
  const values = field.values.map((value) => ({ label: valueText(value.value), counts: value }));
  values.push({ label: "missing", counts: field.missing });
  const excess = ({ counts }) => shares(counts)[0] - shares(counts)[1];
  values.sort((a, b) => excess(b) - excess(a));
  return make("ul", { className: "compared-values" }, ...values.slice(0, valuesMax)
    .filter(({ counts }) => counts.selection + counts.baseline > 0)
    .map(({ label, counts }) => make("li", {},
      make("span", { className: "label", textContent: label, title: label }),
      barPair(shares(counts), counts))));
}

function barPair([selection, baseline], counts) {
  const bar = (share, name) => {
    const element = make("span", { className: `bar ${name}` });
    element.style.width = `${Math.max(share > 0 ? 1 : 0, share * 100)}%`;
    return element;
  };
  const title = `${percent(selection)} of the selection (${numberText(counts.selection)}), `
    + `${percent(baseline)} of the others (${numberText(counts.baseline)})`;
  return make("span", { className: "bars", title },
    bar(selection, "in-selection"), bar(baseline, "in-baseline"));
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`;
}

/** The numbers of both sets, as shares of each, bin by bin. */
function binChart(bins, shares) {
  const all = bins.map((bin) => shares(bin));
  const most = Math.max(...all.flat());
  const svg = draw("svg", {
    viewBox: `0 0 ${bins.length * 2.5} 40`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${numberText(bins[0].low)} to ${numberText(bins.at(-1).high)}`,
  });
  bins.forEach((bin, index) => {
    all[index].forEach((share, side) => {
      const size = (share / most) * 40;
      const rect = draw("rect", {
        class: side ? "in-baseline" : "in-selection", x: index * 2.5 + side, y: 40 - size, width: 1, height: size,
      }, draw("title"));
      rect.firstChild.textContent =
        `${numberText(bin.low)} – ${numberText(bin.high)}: ${percent(share)}`;
      svg.append(rect);
    });
  });
  return make("div", { className: "compared-bins" }, svg,
    make("div", { className: "ends" }, make("span", { textContent: numberText(bins[0].low) }),
      make("span", { textContent: numberText(bins.at(-1).high) })));
}
