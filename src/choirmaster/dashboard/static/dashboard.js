import { draw, redraw } from "./charts.js";
import { Live } from "./live.js";

function show(page) {
  for (const chart of page.charts) {
    const figure = document.querySelector(`[data-chart="${CSS.escape(chart.id)}"]`);
    if (figure && chart.times.length) draw(figure, chart);
  }
}

const twin = document.querySelector('link[rel="alternate"]');
if (twin) new Live(twin.href, show).run();

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
