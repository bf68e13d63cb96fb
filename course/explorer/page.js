"use strict";
// The attention explorer: computes attention for the words on the page and shows every sum. No library, no network.
const data = JSON.parse(document.getElementById("data").textContent);
const { say, kinds, words: known, sentences } = data;
const el = (id) => document.getElementById(id);
const MOST = 12, PADDING = "[PAD]";
const at = { row: 0, column: 0 };
let now = null; // what is shown: words, weights and the pieces of every sum

const put = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));

// A number for people: a few digits, the decimal sign of the language, a real minus sign.
function number(value, places = 2) {
  const large = Math.abs(value) >= 1e6;
  const text = large ? value.toExponential(2) : String(Number(value.toFixed(places)));
  return text.replace("-", "\u2212").replace(".", say.decimal);
}
const vector = (values) => {
  const texts = values.map((v) => number(v));
  return `(${texts.join(texts.some((text) => text.includes(",")) ? "; " : ", ")})`;
};

// What a word asks for and offers. A word that nobody has described gets zeros and ones from its letters.
function described(word) {
  const kind = known[word.toLowerCase()];
  if (kind) return kinds[kind];
  let hash = 2166136261;
  for (const letter of word.toLowerCase()) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619) >>> 0;
  const bits = (from) => [0, 1, 2, 3].map((n) => (hash >>> (from + n)) & 1);
  return { asks: bits(8), offers: bits(16) };
}

const dot = (a, b) => a.reduce((sum, value, n) => sum + value * b[n], 0);
const turned = (place) => [0.9, 0.4].flatMap((speed) => [Math.cos(speed * place), Math.sin(speed * place)]);

// The words with queries, keys, values and the dot product of each pair, for the choices on the page.
function model() {
  const chosen = el("source").value;
  if (chosen !== "hand") {
    const { words, products, width } = sentences[Number(chosen)];
    const [layer, head] = el("head").value.split(",").map(Number);
    const table = products[layer][head];
    return { words, width, product: (i, j) => table[i][j] / 100 };
  }
  const words = el("text").value.split(/\s+/).filter(Boolean).slice(0, MOST);
  if (el("pad").checked) while (words.length < MOST + 2 && words.filter((w) => w === PADDING).length < 2) words.push(PADDING);
  if (!words.length) words.push("…");
  const values = words.map((word) => described(word).offers);
  const before = el("head").value === "before";
  const queries = words.map((word, n) => (before ? turned(n - 1).map((v) => 12 * v) : described(word).asks.map((v) => 5 * v)));
  const keys = words.map((word, n) => (before ? turned(n) : described(word).offers));
  return { words, width: 4, queries, keys, values, product: (i, j) => dot(queries[i], keys[j]) };
}

function computed() {
  const it = model();
  const scale = Number(el("scale").value) / Math.sqrt(it.width);
  const causal = el("causal").checked, padding = el("padding").checked;
  const open = (i, j) => (!causal || j <= i) && (!padding || it.words[j].toUpperCase() !== PADDING);
  const rows = it.words.map((_query, i) => {
    const scores = it.words.map((_key, j) => it.product(i, j) * scale);
    const powers = scores.map((score, j) => (open(i, j) ? Math.exp(score) : 0));
    const all = powers.reduce((sum, power) => sum + power, 0);
    const weights = powers.map((power) => (all > 0 ? power / all : 0));
    return { scores, powers, all, weights };
  });
  return { ...it, scale, open, rows };
}

// Black or white, whichever stands out more, on the colour of a weight.
function paint(cell, weight) {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [from, to] = dark ? [[21, 25, 31], [124, 192, 255]] : [[255, 255, 255], [10, 90, 168]];
  const mixed = from.map((value, n) => Math.round(value + (to[n] - value) * weight));
  const [r, g, b] = mixed.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  cell.style.background = `rgb(${mixed.join(",")})`;
  cell.style.color = 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

function draw() {
  const focused = el("grid").contains(document.activeElement);
  now = computed();
  const count = now.words.length;
  at.row = Math.min(at.row, count - 1);
  at.column = Math.min(at.column, count - 1);
  const make = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });
  const head = make("tr", "");
  head.append(make("td", "", { className: "corner", style: "border:0;cursor:auto" }));
  now.words.forEach((word) => head.append(make("th", word, { scope: "col" })));
  const top = make("thead", ""), body = make("tbody", "");
  top.append(head);
  now.words.forEach((word, i) => {
    const row = make("tr", "");
    row.append(make("th", word, { scope: "row" }));
    now.words.forEach((key, j) => {
      const weight = now.rows[i].weights[j], open = now.open(i, j);
      const cell = make("td", open ? number(weight) : "–", { tabIndex: -1, className: open ? "" : "hidden" });
      cell.dataset.at = `${i},${j}`;
      cell.setAttribute("role", "gridcell");
      const said = open ? number(weight) : say.hidden;
      cell.setAttribute("aria-label", put(say.cell, { query: word, key, weight: said }));
      paint(cell, weight);
      row.append(cell);
    });
    body.append(row);
  });
  el("grid").replaceChildren(top, body);
  const times = number(Number(el("scale").value), 1);
  const spoken = put(say.scale_is, { times, width: now.width, scale: number(now.scale) });
  el("said").textContent = spoken;
  el("scale").setAttribute("aria-valuetext", spoken);
  choose(at.row, at.column, focused);
}

function choose(row, column, focus) {
  Object.assign(at, { row, column });
  for (const cell of el("grid").querySelectorAll("[data-at]")) {
    const here = cell.dataset.at === `${row},${column}`;
    cell.tabIndex = here ? 0 : -1;
    cell.setAttribute("aria-selected", here);
    if (here) cell.setAttribute("aria-describedby", "detail");
    else cell.removeAttribute("aria-describedby");
    if (here && focus) cell.focus();
  }
  explain(row, column);
}

function explain(i, j) {
  const { scores, powers, all, weights } = now.rows[i];
  const product = now.product(i, j), lines = [];
  if (now.queries) {
    lines.push(put(say.asks_for, { word: now.words[i], vector: vector(now.queries[i]) }));
    lines.push(put(say.offers, { word: now.words[j], vector: vector(now.keys[j]) }));
    const terms = now.queries[i].map((value, n) => `${number(value)}·${number(now.keys[j][n])}`).join(" + ");
    lines.push(put(say.product, { sum: `${terms} = ${number(product)}` }));
  } else lines.push(put(say.product, { sum: number(product) }));
  lines.push(put(say.score, { product: number(product), scale: number(now.scale), score: number(scores[j]) }));
  if (now.open(i, j)) {
    const [power, sum, weight] = [number(powers[j]), number(all), number(weights[j], 3)];
    lines.push(put(say.power, { power }), put(say.all, { all: sum }), put(say.weight, { power, all: sum, weight }));
  } else lines.push(say.masked);
  el("detail").replaceChildren(...lines.map((line) => Object.assign(document.createElement("li"), { textContent: line })));
  el("row").textContent = put(say.row, { word: now.words[i] });
  const bars = weights.map((weight, n) => {
    const word = Object.assign(document.createElement("span"), { textContent: now.words[n] });
    const share = Object.assign(document.createElement("span"), { textContent: number(weight) });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "bar");
    svg.setAttribute("aria-hidden", "true");
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [key, value] of [["width", `${100 * weight}%`], ["height", "100%"], ["rx", 3]]) bar.setAttribute(key, value);
    svg.append(bar);
    return [word, svg, share];
  });
  el("bars").replaceChildren(...bars.flat());
  const mixed = now.values && now.values[0].map((_value, n) => weights.reduce((sum, w, k) => sum + w * now.values[k][n], 0));
  el("output").textContent = mixed ? put(say.output, { word: now.words[i], vector: vector(mixed) }) : "";
}

// -- what people do

const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });

function chooseSource() {
  const hand = el("source").value === "hand";
  el("text").disabled = el("pad").disabled = !hand;
  if (hand) el("head").replaceChildren(option("meaning", say.meaning), option("before", say.before));
  else {
    const { products } = sentences[Number(el("source").value)];
    const names = products.flatMap((heads, layer) => heads.map((_one, head) => [layer, head]));
    el("head").replaceChildren(
      ...names.map(([layer, head]) => option(`${layer},${head}`, put(say.layer_head, { layer: layer + 1, head: head + 1 }))),
    );
  }
  draw();
}

el("text").value = data.text;
el("source").append(option("hand", say.by_hand));
sentences.forEach(({ words }, n) => el("source").append(option(String(n), `bert-mini: ${words.slice(1, -1).join(" ")}`)));
el("source").addEventListener("change", chooseSource);
for (const id of ["text", "head", "scale", "causal", "padding", "pad"]) el(id).addEventListener("input", draw);
el("reset").addEventListener("click", () => {
  el("scale").value = "1";
  draw();
});
const place = (event) => event.target.closest("[data-at]")?.dataset.at.split(",").map(Number);
el("grid").addEventListener("mouseover", (event) => {
  const found = place(event);
  if (found) explain(...found);
});
el("grid").addEventListener("mouseleave", () => explain(at.row, at.column));
el("grid").addEventListener("click", (event) => {
  const found = place(event);
  if (found) choose(...found, true);
});
el("grid").addEventListener("focusin", (event) => {
  const found = place(event);
  if (found && (found[0] !== at.row || found[1] !== at.column)) choose(...found, false);
});
el("grid").addEventListener("keydown", (event) => {
  const last = now.words.length - 1;
  let { row, column } = at;
  if (event.key === "ArrowRight") column += 1;
  else if (event.key === "ArrowLeft") column -= 1;
  else if (event.key === "ArrowDown") row += 1;
  else if (event.key === "ArrowUp") row -= 1;
  else if (event.key === "Home") [row, column] = [event.ctrlKey ? 0 : row, 0];
  else if (event.key === "End") [row, column] = [event.ctrlKey ? last : row, last];
  else return;
  event.preventDefault();
  choose(Math.max(0, Math.min(last, row)), Math.max(0, Math.min(last, column)), true);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
chooseSource();
