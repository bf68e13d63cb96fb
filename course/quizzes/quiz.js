// Brings a quiz to life: makes its options clickable, and says at once whether an answer is right and why.
// It runs inside a function, after `facts`, which course/quizzes/__init__.py writes; that file says how things are sealed.
// SHA-256 is written out, since the browser's own exists on https pages only and answers later.

const words = facts.words;

function sha256(text) {
  const bytes = new TextEncoder().encode(text);
  const rotate = (x, n) => (x >>> n) | (x << (32 - n));
  const fraction = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
  const primes = [];
  for (let n = 2; primes.length < 64; n++) if (primes.every((p) => n % p)) primes.push(n);
  const constants = primes.map((p) => fraction(Math.cbrt(p)));
  const state = primes.slice(0, 8).map((p) => fraction(Math.sqrt(p)));
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 128;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 4, bytes.length * 8);
  for (let at = 0; at < padded.length; at += 64) {
    const w = [];
    for (let i = 0; i < 64; i++) {
      if (i < 16) {
        w[i] = view.getInt32(at + 4 * i);
      } else {
        const s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >>> 3);
        const s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + constants[i] + w[i]) | 0;
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + t1) | 0, c, b, a, (t1 + t2) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, i) => (state[i] = (state[i] + value) | 0));
  }
  return state.map((x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
}

// true: right; false: wrong; null: the mark is of another answer.
function verdict(question, number, answer) {
  const mark = question.options[number].mark;
  if (mark === sha256(`${question.salt}|${answer}|right`)) return true;
  return mark === sha256(`${question.salt}|${answer}|wrong`) ? false : null;
}

function reason(question, number) {
  const options = question.options;
  const sealed = atob(number < options.length ? options[number].why : question.otherwise);
  const open = new Uint8Array(sealed.length);
  for (let i = 0, key = ""; i < sealed.length; i++) {
    if (i % 32 === 0) key = sha256(`${question.salt}|${number}|${i / 32}`);
    open[i] = sealed.charCodeAt(i) ^ parseInt(key.substr(2 * (i % 32), 2), 16);
  }
  return new TextDecoder().decode(open);
}

function canonical(typed, decimals) {
  const text = typed.trim().replace(",", ".").replace("\u2212", "-");
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) || text.length > 15) return null;
  const rounded = Number(text).toFixed(decimals);
  return Number(rounded) === 0 ? rounded.replace("-", "") : rounded;
}

// What an answer deserves: {right: true or false, say: a word, open: the explanations to show, [number, right] each}.
// `chosen` is a list of numbers of options; for a number, what was typed. null: there is nothing to judge yet.
function judge(question, chosen) {
  const all = question.options.map((_option, number) => number);
  if (question.kind === "number") {
    const typed = canonical(chosen, question.decimals);
    if (typed === null) return null;
    const met = all.find((number) => verdict(question, number, typed) !== null);
    const right = met !== undefined && verdict(question, met, typed);
    return { right, say: right ? "right" : "wrong", open: [[met === undefined ? all.length : met, right]] };
  }
  if (!chosen.length) return null;
  const good = all.filter((number) => verdict(question, number, number));
  const slips = chosen.filter((number) => !good.includes(number));
  const right = !slips.length && chosen.length === good.length;
  const show = right && question.kind === "several" ? all : chosen; // done: say also why the others are wrong
  const open = show.map((number) => [number, good.includes(number)]);
  return { right, say: right ? "right" : slips.length ? "wrong" : "more", open };
}

function element(name, style, ...content) {
  const made = document.createElement(name);
  made.style.cssText = style;
  made.append(...content);
  return made;
}

function enliven(root) {
  root.dataset.live = "yes";
  root.querySelectorAll("[data-still]").forEach((note) => note.remove());
  root.addEventListener("keydown", (event) => event.stopPropagation()); // else letters are the notebook's shortcuts
  const score = element("p", "font-weight: bold");
  score.dataset.score = "";
  score.setAttribute("aria-live", "polite");
  const first = {};
  for (const item of root.querySelectorAll("[data-question]")) {
    const id = item.dataset.question;
    const question = facts.questions[id];
    const options = [...item.querySelectorAll("[data-option]")];
    const notes = options.map((option) => option.appendChild(note("data-why")));
    const say = note("data-say");
    const answered = (chosen) => {
      const judged = judge(question, chosen);
      notes.forEach((place) => place.replaceChildren());
      if (!judged) {
        say.replaceChildren(question.kind === "number" ? words.number : words.none);
        delete say.dataset.right;
        return;
      }
      tell(say, judged.say, words[judged.say], "");
      for (const [number, right] of judged.open) {
        if (notes[number]) tell(notes[number], right ? "right" : "wrong", "", reason(question, number));
        else tell(say, judged.say, words[judged.say], reason(question, number));
      }
      if (!(id in first)) first[id] = judged.right;
      const right = Object.values(first).filter(Boolean).length;
      score.textContent = words.score.replace("{right}", right).replace("{count}", Object.keys(facts.questions).length);
    };
    make[question.kind](item, options, answered);
    item.append(say);
  }
  root.append(score);
}

function note(name) {
  const made = element("div", "margin: 2px 0px 6px 0px");
  made.setAttribute(name, "");
  made.setAttribute("aria-live", "polite");
  return made;
}

const looks = { right: ["#1a7f37", "✓"], wrong: ["#c62828", "✗"], more: ["#9a6700", "…"] };

function tell(place, say, word, html) {
  const [colour, mark] = looks[say];
  const sign = element("b", `color: ${colour}`, `${mark} ${word}${word && html ? " " : ""}`);
  const text = element("span", "");
  text.innerHTML = html; // ours: escaped when it was sealed
  place.dataset.right = say === "right" ? "yes" : "no";
  place.replaceChildren(sign, text);
}

function button(...content) {
  const look = "font: inherit; color: inherit; background: none; border: 1px solid rgba(128, 128, 128, 0.6);";
  const shape = "border-radius: 4px; padding: 3px 8px; text-align: left; cursor: pointer";
  const made = element("button", `${look} ${shape}`, ...content);
  made.type = "button";
  return made;
}

const make = {
  one(item, options, answered) {
    options.forEach((option, number) => {
      const click = button(...[...option.childNodes].slice(0, -1)); // all but the place for the explanation
      click.style.cssText += "; vertical-align: top; margin: -4px 0px 4px 0px"; // its first line beside the letter
      click.addEventListener("click", () => answered([number]));
      option.prepend(click);
    });
  },
  several(item, options, answered) {
    const boxes = options.map((option) => {
      const box = element("input", "margin-right: 6px");
      box.type = "checkbox";
      option.prepend(element("label", "cursor: pointer", box, ...[...option.childNodes].slice(0, -1)));
      return box;
    });
    const click = button(words.check);
    click.addEventListener("click", () => answered(boxes.flatMap((box, number) => (box.checked ? [number] : []))));
    item.append(click);
  },
  number(item, options, answered) {
    const field = element("input", "font: inherit; width: 7em; margin: 6px 6px 6px 0px");
    field.type = "text";
    field.inputMode = "decimal";
    field.setAttribute("aria-label", words["your number"]);
    field.addEventListener("keydown", (event) => event.key === "Enter" && answered(field.value));
    const click = button(words.check);
    click.addEventListener("click", () => answered(field.value));
    item.append(field, click);
  },
};

for (const root of document.querySelectorAll(`[data-quiz="${facts.name}"]:not([data-live])`)) enliven(root);
