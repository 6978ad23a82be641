// Draws the charts of a page from its JSON twin with uPlot. Colours come from the style sheet.

const COLOURS = 8;
const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3]];
const drawn = new Map();

// Step in seconds, words of a tick, and what is added where the year, month or day is new.
const DAY = 86400;
const DATES = [
  [DAY * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [DAY * 28, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [DAY, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", "\n{YYYY}-{MM}-{DD}", null, "\n{MM}-{DD}", null, null, null, 1],
];

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function words(value) {
  if (value == null) return "–";
  const size = Math.abs(value);
  if (size > 0 && size < 0.001) return value.toExponential(1);
  const decimals = size < 10 ? 4 : size < 100 ? 2 : size < 1000 ? 1 : 0;
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

// Columns for uPlot: time, then per band upper and lower, then the lines.
function columns(chart) {
  const fused = chart.series.find((line) => line.name === "fused");
  const band = fused && fused.lower.some((point) => point != null);
  const data = [chart.times];
  if (band) data.push(fused.upper, fused.lower);
  // The first line is drawn last, so that the fused answer lies on top.
  const lines = [...chart.series].reverse();
  for (const line of lines) data.push(line.value);
  return { band, data, lines };
}

function range(chart) {
  return (u, low, high) => {
    if (low == null) return [0, 1];
    // A share that never moves, such as an availability of 1: no axis beyond what it can be.
    if (low === high && low >= 0 && low <= 1) return [0, 1.05];
    const reach = (high - low || Math.abs(high) * 0.1 || 0.1);
    let [bottom, top] = [low - reach * 0.06, high + reach * 0.06];
    for (const bound of chart.bounds) {
      // A bound near the data is shown; a far one would flatten the picture.
      if (bound.value < bottom && bound.value > low - reach * 0.6) bottom = bound.value - reach * 0.05;
      if (bound.value > top && bound.value < high + reach * 0.6) top = bound.value + reach * 0.05;
    }
    return [bottom, top];
  };
}

function overlay(holder) {
  return (u) => {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = ratio;
    const across = (value, colour, dash) => {
      const y = u.valToPos(value, "y", true);
      ctx.strokeStyle = colour;
      ctx.setLineDash(dash.map((part) => part * ratio));
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    };
    const reference = holder.chart.reference.fused;
    const base = typeof reference === "object" && reference ? reference.value : reference;
    if (typeof base === "number") across(base, css("--soft"), [2, 4]);
    for (const bound of holder.chart.bounds) across(bound.value, css("--bad"), [6, 4]);
    ctx.setLineDash([]);
    ctx.fillStyle = css("--bad");
    ctx.strokeStyle = css("--bad");
    ctx.globalAlpha = 0.75;
    for (const mark of holder.chart.annotations) {
      const at = typeof mark.at === "number" ? mark.at : Date.parse(mark.at) / 1000;
      if (!(at >= u.scales.x.min && at <= u.scales.x.max)) continue;
      const x = u.valToPos(at, "x", true);
      const half = 4 * ratio;
      ctx.beginPath();
      ctx.moveTo(x - half, bbox.top);
      ctx.lineTo(x + half, bbox.top);
      ctx.lineTo(x, bbox.top + 1.6 * half);
      ctx.fill();
    }
    ctx.restore();
  };
}

function options(holder, width, shape) {
  const { chart } = holder;
  const order = new Map(chart.series.map((line, at) => [line.name, at]));
  const colour = (name) => css(`--s${order.get(name) % COLOURS}`);
  const hidden = { class: "band", stroke: "transparent", width: 0, points: { show: false } };
  const few = chart.times.length < 3;
  const lines = shape.lines.map((line) => ({
    label: line.name,
    stroke: colour(line.name),
    width: line.name === "fused" || chart.series.length === 1 ? 2 : 1.1,
    dash: line.name === "fused" ? [] : DASHES[Math.floor(order.get(line.name) / 4) % DASHES.length],
    points: few ? { show: true, size: 6 } : {},
    value: (u, value) => words(value),
  }));
  const axis = { stroke: css("--soft"), grid: { stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  return {
    width,
    height: tall(width),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    cursor: { sync: { key: "page" }, drag: { x: true, y: false } },
    scales: { x: { time: true }, y: { range: range(chart) } },
    axes: [{ ...axis, values: DATES }, { ...axis, size: 72, values: (u, splits) => splits.map((one) => (Math.abs(one) >= 1000 ? one.toLocaleString("en") : +one.toPrecision(6) + "")) }],
    series: [{ label: "window", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...(shape.band ? [hidden, hidden] : []), ...lines],
    bands: shape.band ? [{ series: [1, 2], fill: css("--band") }] : [],
    hooks: { draw: [overlay(holder)] },
  };
}

// The legend starts with the fused answer although it is drawn last, and each name works as a button.
function makeKeysWork(figure) {
  const rows = figure.querySelectorAll(".u-legend .u-series");
  rows.forEach((row, at) => {
    row.style.order = at === 0 ? 0 : rows.length - at;
  });
  for (const row of figure.querySelectorAll(".u-legend .u-series th")) {
    row.tabIndex = 0;
    row.setAttribute("role", "button");
    row.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      row.click();
    });
  }
}

const width = (figure) => Math.max(200, Math.floor(figure.clientWidth));
const tall = (wide) => (wide < 480 ? 200 : 240);

export function draw(figure, chart) {
  const shape = columns(chart);
  const names = shape.lines.map((line) => line.name).join("\u0000") + shape.band + (chart.times.length < 3);
  const before = drawn.get(figure);
  if (before && before.names === names) {
    before.chart = chart;
    before.plot.setData(shape.data);
    return;
  }
  if (before) before.plot.destroy();
  figure.replaceChildren();
  figure.setAttribute("role", "group");
  figure.setAttribute("aria-label", `${chart.title}: ${chart.series.map((line) => line.name).join(", ")}; the numbers stand below`);
  const holder = { chart, names };
  holder.plot = new uPlot(options(holder, width(figure), shape), shape.data, figure);
  drawn.set(figure, holder);
  watcher.observe(figure);
  makeKeysWork(figure);
}

export function redraw() {
  for (const [figure, { plot, chart }] of [...drawn]) {
    plot.destroy();
    drawn.delete(figure);
    draw(figure, chart);
  }
}

const watcher = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target)?.plot;
    const wide = width(target);
    if (plot && wide !== plot.width) plot.setSize({ width: wide, height: tall(wide) });
  }
});
