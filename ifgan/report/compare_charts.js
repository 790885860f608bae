// Marks, scales and the two charts with axes. Sizes are in CSS pixels: a chart is drawn as wide as it is.
const SVG = "http://www.w3.org/2000/svg";
const MINUS = "\u2212";
// A colour is never alone: of each group the mark has a form of its own.
const SHAPES = [
  "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z", "M-4-4h8v8h-8z", "M0-5.2L5 4H-5z",
  "M0-5.8L5.8 0L0 5.8L-5.8 0z", "M-1.7-5h3.4v3.3h3.3v3.4h-3.3v3.3h-3.4v-3.3h-3.3v-3.4h3.3z",
  "M0 5.2L5-4H-5z", "M-2.6 0a2.6 2.6 0 1 0 5.2 0a2.6 2.6 0 1 0-5.2 0z"];

const node = (name, attributes = {}, ...children) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// As words.py writes numbers: about three digits, a true minus sign.
const number = (value, step) => {
  let text;
  if (value === 0) text = "0";
  else if (step !== undefined && Math.abs(value) < 1e4)
    text = value.toFixed(Math.min(8, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))));
  else if (Math.abs(value) >= 1e6) text = `${+(value / 1e6).toPrecision(3)}M`;
  else if (Math.abs(value) >= 1e4) text = `${+(value / 1e3).toPrecision(3)}k`;
  else text = `${+value.toPrecision(3)}`;
  return text.replace("-", MINUS);
};

// From values to 0…1, and back; with the places and texts of its ticks.
const scaleOf = (axis, count = 5) => {
  if (axis.choices) {
    const last = Math.max(1, axis.choices.length - 1);
    const ticks = axis.choices.map((text, k) => [k / last, text]);
    return { at: v => v / last, ticks, text: v => axis.choices[Math.round(v)] };
  }
  const ends = axis.ends ? axis.ends.flat().filter(v => v !== null) : [];
  const there = axis.values.filter(v => v !== null).concat(ends);
  let low = Math.min(...there), high = Math.max(...there);
  if (axis.log) {
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const ticks = [];
    for (let power = Math.floor(from); power <= to; power += 1)
      if (power >= from) ticks.push([(power - from) / (to - from), number(10 ** power)]);
    return { at: v => (Math.log10(v) - from) / (to - from), ticks,
      text: t => number(10 ** (from + t * (to - from))) };
  }
  if (low === high) { low -= Math.abs(low) / 10 || 1; high += Math.abs(high) / 10 || 1; }
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(k => k * power).find(s => s >= rough);
  low = Math.floor(low / step + 1e-9) * step;
  high = Math.ceil(high / step - 1e-9) * step;
  const ticks = [];
  for (let k = 0; low + k * step <= high + step / 2; k += 1)
    ticks.push([k * step / (high - low), number(+(low + k * step).toPrecision(12), step)]);
  return { at: v => (v - low) / (high - low), ticks, text: t => number(low + t * (high - low)) };
};

const EDGE = { left: 46, right: 14, top: 24, bottom: 42 };

// Clears a chart and draws its axes; returns where a value comes to lie.
const frame = (svg, x, y, { title, below }) => {
  const width = svg.parentElement.clientWidth, height = Math.min(360, Math.max(270, width * .66));
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const across = t => EDGE.left + t * (width - EDGE.left - EDGE.right);
  const up = t => height - EDGE.bottom - t * (height - EDGE.top - EDGE.bottom);
  const foot = up(0);
  for (const [t, text] of y.ticks) {
    svg.append(node("line", { class: t ? "grid" : "base", x1: across(0), x2: across(1), y1: up(t), y2: up(t) }),
      node("text", { x: EDGE.left - 8, y: up(t) + 4, "text-anchor": "end" }, text));
  }
  let taken = -Infinity;
  for (const [t, text] of x.ticks) {
    const half = text.length * 3.4, middle = Math.min(across(t), width - half);
    if (middle - half < taken + 6) continue;
    taken = middle + half;
    svg.append(node("line", { class: "base", x1: across(t), x2: across(t), y1: foot, y2: foot + 4 }),
      node("text", { x: middle, y: foot + 18, "text-anchor": "middle" }, text));
  }
  svg.append(node("text", { class: "title", x: 0, y: 12 }, title),
    node("text", { class: "title", x: across(.5), y: height - 4, "text-anchor": "middle" }, below));
  return { across: v => across(x.at(v)), up: v => up(y.at(v)), width };
};

const mark = (group, x, y) => node("path", { class: "shape", d: SHAPES[group], transform: `translate(${x} ${y})` });
