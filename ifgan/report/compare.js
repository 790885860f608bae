const data = JSON.parse(document.getElementById("data").textContent);
const { runs, axes } = data;
const byId = id => document.getElementById(id);
const FEW = 60;  // runs up to which intervals are drawn
const MOST = 24;  // rows of the matrix
document.documentElement.classList.add("live");
document.body.classList.toggle("many", runs.length > FEW);

// ---- what is chosen: who is left out, who is looked at, which two are compared
const attributes = { name: "attribute", label: "attribute", choices: [...new Set(runs.map(run => run.attribute))] };
attributes.values = runs.map(run => attributes.choices.indexOf(run.attribute));
const shown = runs.map(() => true);
const group = runs.map(() => 0);
const filters = new Map();
let hot = -1;
const finished = [...runs.keys()].filter(run => runs[run].finished);
let pair = [finished[0] ?? 0, finished[1] ?? Math.min(1, runs.length - 1)];
const parts = runs.map(() => []);  // elements of each run that stay
const drawn = { lines: [], scatter: [], curves: [] };  // and those that are drawn anew

for (const part of document.querySelectorAll("[data-run]")) parts[part.dataset.run].push(part);
const everything = run => [...parts[run], ...Object.values(drawn).map(list => list[run]).filter(Boolean)];

const look = run => {
  if (run === hot) return;
  const before = hot;
  hot = run;
  if (before >= 0) paint(before);
  if (hot < 0) return say();
  paint(hot);
  for (const list of Object.values(drawn)) if (list[hot]) list[hot].parentNode.append(list[hot]);
  say();
};
// The name of the run that is looked at, in both charts.
const say = () => {
  for (const id of ["scatter", "curves"]) {
    const svg = byId(id), there = hot >= 0 && shown[hot] && drawn[id][hot];
    svg.querySelector(".said")?.remove();
    if (!there) continue;
    const said = node("text", { class: "said", "text-anchor": "end", y: 30 }, runs[hot].label);
    said.setAttribute("x", svg.viewBox.baseVal.width);
    svg.append(said);
  }
};
const paint = run => {
  const state = `c${group[run]}${shown[run] ? "" : " off"}${run === hot ? " hot" : ""}`;
  for (const part of everything(run)) {
    if (part.state === state) continue;  // hundreds of runs, most of them as they were
    if (part.state) part.classList.remove(...part.state.split(" "));
    part.classList.add(...state.split(" "));
    part.state = state;
  }
};
const watched = (part, run) => {
  part.run = run;
  return part;
};

// ---- colours
const coloured = [attributes, ...axes.filter(axis => axis.choices)].filter(axis => axis.choices.length > 1);
if (!coloured.length) coloured.push(attributes);
const options = (select, list, chosen) => {
  select.replaceChildren(...list.map((text, k) => element("option", { value: k }, text)));
  select.value = chosen;
};
const colour = () => {
  const axis = coloured[byId("colour").value];
  const last = SHAPES.length - 1, crowded = axis.choices.length > SHAPES.length;
  axis.values.forEach((value, run) => { group[run] = crowded ? Math.min(value, last) : value; });
  const names = crowded ? [...axis.choices.slice(0, last), "others"] : axis.choices;
  byId("legend").replaceChildren(...names.map((name, k) => {
    const picture = node("svg", { viewBox: "-7 -7 14 14", "aria-hidden": "true", class: `c${k}` }, mark(k, 0, 0));
    return element("li", {}, picture, name);
  }));
  draw();
};

// ---- axes that are rows, a line for each run
const rows = axes.filter(axis => axis.key && (axis.choices || new Set(axis.values.filter(v => v !== null)).size > 1));
if (attributes.choices.length > 1) rows.unshift({ ...attributes, key: true });
for (const axis of rows) axis.scale = scaleOf({ ...axis, ends: null }, 4);

const limits = (axis, track) => {
  const inputs = ["low", "high"].map(end => element("input", { type: "range", class: end, min: 0, max: 1000,
    step: 5, value: end === "low" ? 0 : 1000, "aria-label": `${axis.label}, ${end === "low" ? "least" : "most"}` }));
  const moved = input => {
    const [low, high] = inputs.map(each => each.valueAsNumber);
    if (low > high) input.value = input === inputs[0] ? high : low;
    for (const each of inputs) each.setAttribute("aria-valuetext", axis.scale.text(each.value / 1000));
  };
  for (const input of inputs) {
    moved(input);
    input.addEventListener("input", () => {
      moved(input);
      const [low, high] = inputs.map(each => each.valueAsNumber / 1000);
      if (low === 0 && high === 1) filters.delete(axis);
      else filters.set(axis, v => v !== null && axis.scale.at(v) >= low - 1e-9 && axis.scale.at(v) <= high + 1e-9);
      filter();
    });
  }
  track.append(element("div", { class: "ticks", "aria-hidden": "true" }, ...axis.scale.ticks.map(([t, text]) =>
    element("span", { style: `left: ${100 * t}%` }, text))), ...inputs);
};
const boxes = (axis, track) => {
  const last = axis.choices.length - 1;
  const labels = axis.choices.map((choice, k) => {
    const place = k === 0 ? "start" : k === last ? "end" : "";
    return element("label", { class: place, style: `left: ${100 * axis.scale.at(k)}%`, title: choice },
      element("input", { type: "checkbox", checked: "" }), element("span", {}, choice));
  });
  const inputs = labels.map(label => label.firstChild);
  for (const input of inputs) input.addEventListener("change", () => {
    if (inputs.every(each => each.checked)) filters.delete(axis);
    else filters.set(axis, v => inputs[v].checked);
    filter();
  });
  track.append(element("div", { class: "boxes" }, ...labels));
};
const build = () => {
  byId("axes").append(node("svg", { viewBox: `0 0 1000 ${rows.length}`, preserveAspectRatio: "none", "aria-hidden": "true" }));
  for (const axis of rows) {
    const name = element("span", { class: "name" }, axis.label);
    if (axis.better) name.append(element("small", {}, axis.better > 0 ? " more is better" : " less is better"));
    const track = element("div", { class: "track" });
    // Choices that would lie on each other are values of an axis.
    (axis.choices && axis.choices.length <= 10 ? boxes : limits)(axis, track);
    byId("axes").append(element("div", { class: "axis", role: "group", "aria-label": axis.label }, name, track));
  }
};
const lines = () => {
  const svg = byId("axes").querySelector("svg");
  svg.replaceChildren();
  drawn.lines = runs.map((_, run) => {
    let path = "", before = null;
    rows.forEach((axis, row) => {
      const value = axis.values[run];
      if (value === null) { before = null; return; }
      const x = +(1000 * axis.scale.at(value)).toFixed(1), y = row + .5;
      path += before === null ? `M${x} ${y}` : `C${before} ${y - .7} ${x} ${y - .3} ${x} ${y}`;
      before = x;
    });
    return watched(node("path", { d: path }), run);
  });
  svg.append(...drawn.lines);
};

// ---- who is left out
const filter = () => {
  for (const run of runs.keys())
    shown[run] = [...filters].every(([axis, allowed]) => allowed(axis.values[run]));
  count();
  for (const run of runs.keys()) paint(run);
  alternatives();
  matrix();
};
const count = () => {
  const left = shown.filter(Boolean).length;
  byId("count").value = left === runs.length ? `${left} runs` : `${left} of ${runs.length} runs`;
};
byId("reset").addEventListener("click", () => {
  for (const input of document.querySelectorAll(".track input")) {
    if (input.type === "checkbox") input.checked = true;
    else input.value = input.classList.contains("low") ? input.min : input.max;
  }
  filters.clear();
  filter();
});

// ---- metric against metric
const plotted = [...axes.filter(axis => axis.metric), ...axes.filter(axis => !axis.metric)].filter(axis =>
  axis.values.some(v => v !== null));
const scatter = () => {
  const [x, y] = ["x", "y"].map(id => plotted[byId(id).value]);
  const svg = byId("scatter");
  const bars = runs.length <= FEW;
  const [sx, sy] = [x, y].map(axis => scaleOf(bars ? axis : { ...axis, ends: null }));
  const place = frame(svg, sx, sy, { title: y.label, below: x.label });
  drawn.scatter = runs.map((_, run) => {
    const [vx, vy] = [x.values[run], y.values[run]];
    if (vx === null || vy === null) return null;
    const [px, py] = [place.across(vx), place.up(vy)];
    const made = node("g");
    if (bars && x.ends?.[run]) made.append(bar(x.ends[run].map(v => `${place.across(v)} ${py}`)));
    if (bars && y.ends?.[run]) made.append(bar(y.ends[run].map(v => `${px} ${place.up(v)}`)));
    made.append(mark(group[run], px, py));
    return watched(made, run);
  });
  svg.append(...drawn.scatter.filter(Boolean));
};
const bar = ends => node("path", { class: "bars", d: `M${ends.join("L")}` });

// ---- learning curves
const qualities = [...new Set(runs.filter(run => run.curve.length > 1).map(run => run.quality))];
const curves = () => {
  const name = qualities[byId("quality").value];
  const there = runs.map(run => run.quality === name && run.curve.length > 1 ? run.curve : null);
  const points = there.flatMap(curve => curve ?? []);
  const svg = byId("curves");
  const x = scaleOf({ values: points.map(p => p[0]), log: true });
  x.ticks = samples(points.map(p => p[0]), x);
  const place = frame(svg, x, scaleOf({ values: points.map(p => p[1]) }), { title: name, below: "faces given to the fit" });
  drawn.curves = there.map((curve, run) => curve && watched(node("path", { class: "curve",
    d: `M${curve.map(([n, q]) => `${place.across(n).toFixed(1)} ${place.up(q).toFixed(1)}`).join("L")}` }), run));
  svg.append(...drawn.curves.filter(Boolean));
};
// 1, 2 and 5 of each power of ten.
const samples = (values, x) => {
  const [low, high] = [Math.min(...values), Math.max(...values)], ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
    for (const k of [1, 2, 5]) if (k * power >= low && k * power <= high) ticks.push([x.at(k * power), number(k * power)]);
  return ticks;
};

// ---- what the figures say, in words
const alternatives = () => {
  const there = [...runs.keys()].filter(run => shown[run]);
  const [x, y] = ["x", "y"].map(id => plotted[byId(id).value]);
  const pairs = there.map(run => [x.values[run], y.values[run]]).filter(p => !p.includes(null));
  let said = `${y.label} against ${x.label}, ${pairs.length} runs.`;
  const r = correlation(pairs);
  if (Number.isFinite(r)) said += ` Correlation ${number(r)}.`;
  byId("scatter").setAttribute("aria-label", said);
  if (!qualities.length) return;
  const name = qualities[byId("quality").value];
  const ends = there.filter(run => runs[run].quality === name).map(run => runs[run].curve.at(-1)?.[1]).filter(q => q !== undefined);
  byId("curves").setAttribute("aria-label", `${name} against the number of faces given to the fit, ${ends.length} runs.`
    + (ends.length ? ` At the most faces it is from ${number(Math.min(...ends))} to ${number(Math.max(...ends))}.` : ""));
};
const correlation = pairs => {
  const mean = k => pairs.reduce((sum, p) => sum + p[k], 0) / pairs.length;
  const [mx, my] = [mean(0), mean(1)];
  const sum = f => pairs.reduce((total, p) => total + f(p[0] - mx, p[1] - my), 0);
  return sum((a, b) => a * b) / Math.sqrt(sum(a => a * a) * sum((_, b) => b * b));
};

// ---- the table: sorted by its headings, walked through by arrow keys
const body = document.querySelector("#runs tbody");
const headings = [...document.querySelectorAll("#runs thead th")];
const sorted = (column, heading) => {
  const before = heading.getAttribute("aria-sort");
  const best = axes.find(axis => axis.metric && axis.label === heading.textContent)?.better > 0;
  const descending = before ? before === "ascending" : best;  // the best first
  for (const each of headings) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const keyed = [...body.rows].map(row => {
    const cell = row.cells[column];
    const text = cell && !cell.classList.contains("none") ? cell.textContent.trim() : "";
    return [row, text && cell.dataset.sort ? +cell.dataset.sort : NaN, text];
  });
  keyed.sort(([, a, s], [, b, t]) => {
    if (!s || !t) return !s - !t;
    const order = Number.isNaN(a) || Number.isNaN(b) ? s.localeCompare(t, "en", { numeric: true }) : a - b;
    return descending ? -order : order;
  });
  body.append(...keyed.map(([row]) => row));
  matrix();
};
headings.forEach((heading, column) => {
  const button = element("button", { type: "button" }, heading.textContent);
  heading.replaceChildren(button);
  heading.classList.toggle("words", [...body.rows].some(row => row.cells[column]?.classList.contains("words")));
  button.addEventListener("click", () => sorted(column, heading));
});
const focusable = row => {
  for (const each of body.rows) each.tabIndex = each === row ? 0 : -1;
};
body.addEventListener("focusin", event => look(+event.target.closest("tr").dataset.run));
body.addEventListener("pointerover", event => { const row = event.target.closest("tr"); if (row) look(+row.dataset.run); });
body.addEventListener("click", event => { if (!event.target.closest("a")) take(+event.target.closest("tr").dataset.run); });
body.addEventListener("keydown", event => {
  const row = event.target.closest("tr"), there = [...body.rows].filter(each => !each.classList.contains("off"));
  const at = there.indexOf(row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: there.length - 1 }[event.key];
  if (event.key === "Enter" && event.target === row) take(+row.dataset.run);
  else if (to !== undefined && there[to]) { focusable(there[to]); there[to].focus(); }
  else return;
  event.preventDefault();
});
// In the charts the pointer does what the table's rows do.
for (const id of ["axes", "scatter", "curves"]) {
  const runAt = event => event.target.run ?? event.target.parentNode?.run;
  byId(id).addEventListener("pointerover", event => { const run = runAt(event); if (run !== undefined) look(run); });
  byId(id).addEventListener("click", event => { const run = runAt(event); if (run !== undefined) take(run); });
}
document.querySelector("main").addEventListener("pointerleave", () => look(-1));

// ---- cosines
const view = byId("view"), space = byId("space");
const unpacked = text => {
  const bytes = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  return new Int16Array(bytes.buffer);
};
const matrix = () => {
  if (!data.cosines.length) return;
  const found = data.cosines[space.value];
  found.cells ??= { raw: unpacked(found.raw), population: unpacked(found.population) };
  const cells = found.cells[view.value], size = found.members.length;
  const place = new Map(found.members.map((run, k) => [run, k]));
  const inOrder = [...body.rows].map(row => +row.dataset.run).filter(run => shown[run] && place.has(run));
  const those = inOrder.slice(0, MOST);
  const cosine = (i, j) => {
    if (i === j) return 1;
    const [a, b] = i < j ? [i, j] : [j, i];
    const value = cells[a * size - a * (a + 1) / 2 + b - a - 1];
    return value === -(2 ** 15) ? null : value / 1e4;
  };
  const head = element("tr", {}, element("td"), ...those.map(run => element("th", { scope: "col" }, element("span", {}, runs[run].label))));
  const lines = those.map(run => element("tr", {}, element("th", { scope: "row" }, runs[run].label), ...those.map(other => {
    const value = cosine(place.get(run), place.get(other));
    if (value === null) return element("td", { title: "neither run has an edit vector" }, "·");
    const text = Math.abs(value).toFixed(2);
    const cell = element("td", { style: `--strength: ${Math.abs(value).toFixed(2)}` }, value < 0 && +text ? MINUS + text : text);
    if (value < 0) cell.className = "minus";
    return cell;
  })));
  byId("matrix").replaceChildren(element("table", { class: "edits" }, element("thead", {}, head), element("tbody", {}, ...lines)));
  byId("matrix-note").textContent = (view.value === "population"
    ? "The correlation of the distances to both boundaries over the population of latents: what the directions have in common in faces. A dot: neither run has an edit vector to know it by."
    : "In W, which is much wider along some directions than along others, the plain cosine says little of what two directions do to faces.")
    + (inOrder.length > MOST ? ` The first ${MOST} of ${inOrder.length} runs, in the order of the table; filter or sort for others.` : "");
};

// ---- two runs
const take = run => {
  pair = [pair[1], run];
  two();
};
const two = () => {
  byId("a").value = pair[0];
  byId("b").value = pair[1];
  for (const row of body.rows) row.classList.toggle("taken", pair.includes(+row.dataset.run));
  const line = (name, texts, differs) => element("tr", {}, element("th", { scope: "row" }, name),
    ...texts.map(text => element("td", differs ? { class: "differs" } : {}, text || "–")));
  const heading = text => element("tr", { class: "group" }, element("th", { scope: "colgroup", colspan: 3 }, text));
  const differing = data.settings.map(axis => [axis.name, pair.map(run => axis.choices[axis.values[run]])])
    .filter(([, [a, b]]) => a !== b);
  if (runs[pair[0]].attribute !== runs[pair[1]].attribute)
    differing.unshift(["attribute", pair.map(run => runs[run].attribute)]);
  const measured = axes.filter(axis => axis.metric).map(axis => [axis.label, pair.map(run => axis.texts[run])])
    .filter(([, texts]) => texts.some(Boolean));
  const rows = [
    heading(differing.length ? "Settings that differ" : "No setting differs"), ...differing.map(d => line(...d, true)),
    ...(measured.length ? [heading("Metrics")] : []), ...measured.map(m => line(...m, false))];
  const head = element("tr", {}, element("td"), ...pair.map(run => element("th", { scope: "col" }, runs[run].name)));
  byId("two").replaceChildren(element("table", { class: "edits" }, element("thead", {}, head), element("tbody", {}, ...rows)));
  byId("two-note").textContent = `${runs[pair[0]].name} and ${runs[pair[1]].name}: `
    + (differing.length === 1 ? "1 setting differs." : `${differing.length} settings differ.`);
};
for (const [k, id] of ["a", "b"].entries()) byId(id).addEventListener("change", event => { pair[k] = +event.target.value; two(); });

// ---- all of it
const draw = () => {
  lines();
  if (plotted.length) scatter();
  if (qualities.length) curves();
  for (const run of runs.keys()) paint(run);
  if (plotted.length) alternatives();
  say();
};
options(byId("colour"), coloured.map(axis => axis.label), 0);
const metrics = plotted.map(axis => axis.label);
const first = plotted.findIndex(axis => axis.key), error = plotted.findIndex(axis => axis.name === "error_angle");
options(byId("y"), metrics, Math.max(first, 0));
options(byId("x"), metrics, error < 0 ? Math.min(first + 1, metrics.length - 1) : error);
options(byId("quality"), qualities, 0);
if (data.cosines.every(found => !found.known)) view.value = "raw";
options(space, data.cosines.map(found => found.title), 0);
for (const id of ["a", "b"]) options(byId(id), runs.map(run => run.name), 0);
if (!plotted.length) byId("scatter").closest("section").hidden = true;
if (!qualities.length) byId("curves").closest("section").hidden = true;
byId("quality").parentElement.hidden = qualities.length < 2;
byId("cosines").hidden = !data.cosines.length;
space.parentElement.hidden = data.cosines.length < 2;
byId("colour").addEventListener("change", colour);
for (const id of ["x", "y"]) byId(id).addEventListener("change", draw);
byId("quality").addEventListener("change", draw);
for (const each of [view, space]) each.addEventListener("change", matrix);
let wide = 0;
new ResizeObserver(([entry]) => {
  if (Math.round(entry.contentRect.width) === wide) return;
  if (wide) draw();
  wide = Math.round(entry.contentRect.width);
}).observe(document.querySelector(".pair"));
build();
focusable(body.rows[0]);
count();
colour();
matrix();
two();
