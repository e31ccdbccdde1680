// Charts by Chart.js. What is estimated is hatched, what may still change is pale; the figures stand in a table beside.

import * as i18n from "./i18n.js";
import { h } from "./element.js";

const { t } = i18n;
const library = document.getElementById("chart-library");
const loaded = window.Chart ? Promise.resolve() : new Promise((done) => library.addEventListener("load", done));
const charts = new Map(); // canvas → how to draw it, and again in the colours of another theme
const COLOURS = 8;

const property = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (index, folded = false) => property(folded ? "--others" : `--series-${(index % COLOURS) + 1}`);

const pale = (hex) => `${hex}73`;

function hatched(hex, background) {
  const size = 6 * devicePixelRatio;
  const canvas = h("canvas", { width: size, height: size });
  const pen = canvas.getContext("2d");
  pen.fillStyle = background;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = hex;
  pen.lineWidth = size / 3;
  for (const offset of [-size, 0, size]) {
    pen.moveTo(offset, size);
    pen.lineTo(offset + size, 0);
  }
  pen.stroke();
  const pattern = pen.createPattern(canvas, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / devicePixelRatio));
  return pattern;
}

// Stacked bars: `steps` are {label, isOpen}; `series` are {name, folded, values, estimated, href}, amounts as text.
export function stackedBars(series, steps, { currency, label, onSelect }) {
  return chart("stacked", label, (canvas) => {
    const background = property("--surface");
    const bar = { stack: "all", borderWidth: 0, maxBarThickness: 56, categoryPercentage: 0.82, barPercentage: 0.94 };
    const datasets = series.flatMap(({ name, folded, values, estimated }, index) => {
      const hex = colour(index, folded);
      const solid = { ...bar, label: name, series: index, exact: values };
      const part = (which) => values.map((value, step) => which(Number(value), Number(estimated?.[step] ?? 0)));
      solid.data = part((value, guess) => value - guess);
      solid.backgroundColor = steps.map(({ isOpen }) => (isOpen ? pale(hex) : hex));
      if (!estimated?.some((guess) => Number(guess))) return [solid];
      const guess = { ...bar, label: name, series: index, exact: estimated, isEstimate: true };
      return [solid, { ...guess, data: part((_, amount) => amount), backgroundColor: hatched(hex, background) }];
    });
    const labels = steps.map(({ label: text, isOpen }) => (isOpen ? [text, t("open.short")] : text));
    const onClick = ({ native }, _, chart) => {
      const [hit] = chart.getElementsAtEventForMode(native, "point", { intersect: true }, true);
      if (hit) onSelect(series[datasets[hit.datasetIndex].series]);
    };
    const scales = { x: axis({ stacked: true }), y: amounts({ stacked: true }, currency) };
    const options = { ...shared(currency), scales, onClick };
    return new Chart(canvas, { type: "bar", data: { labels, datasets }, options });
  });
}

// Lines on axes of their own: how a quantity and its price moved. `series` are {name, values, show}.
export function lines(series, steps, { label }) {
  return chart("small", label, (canvas) => {
    const line = { borderWidth: 2, pointRadius: 2 };
    const datasets = series.map(({ name, values, show }, index) => {
      const data = values.map((value) => (value === undefined ? null : Number(value)));
      const colours = { borderColor: colour(index), backgroundColor: colour(index) };
      return { ...line, ...colours, label: name, data, exact: values, show, yAxisID: `y${index}` };
    });
    const scales = { x: axis({}) };
    series.forEach(({ show }, index) => {
      const marks = { ...ticks(), color: colour(index), callback: show, maxTicksLimit: 4 };
      // from zero, so that a line rises as much as its figures do
      scales[`y${index}`] = axis({ position: index ? "right" : "left", beginAtZero: true, ticks: marks });
    });
    const options = { ...shared(), scales };
    options.plugins.legend = { display: true, labels: { color: property("--quiet"), boxWidth: 12 } };
    return new Chart(canvas, { type: "line", data: { labels: steps, datasets }, options });
  });
}

function chart(size, label, draw) {
  const canvas = h("canvas", { role: "img", "aria-label": label });
  charts.set(canvas, draw);
  return h(`div.chart.${size}`, {}, canvas);
}

// Draw those that are not yet; `again`, all of them.
export async function drawCharts({ again = false } = {}) {
  await loaded;
  for (const [canvas, draw] of charts) {
    const known = Chart.getChart(canvas);
    if (!canvas.isConnected) {
      known?.destroy();
      if (known) charts.delete(canvas);
    } else if (!known || again) {
      known?.destroy();
      draw(canvas);
    }
  }
}

function shared(currency) {
  const shown = ({ dataset, dataIndex }) => {
    const exact = dataset.exact[dataIndex];
    const text = dataset.show ? dataset.show(exact) : i18n.money(exact, currency);
    return ` ${dataset.label}: ${text}${dataset.isEstimate ? ` ${t("estimated.of.it")}` : ""}`;
  };
  const filter = ({ dataset, dataIndex }) => Number(dataset.exact[dataIndex]) !== 0;
  const itemSort = (one, other) => other.datasetIndex - one.datasetIndex;
  return {
    animation: false,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    plugins: { legend: { display: false }, tooltip: { callbacks: { label: shown }, filter, itemSort } },
  };
}

const ticks = () => ({ color: property("--quiet"), maxRotation: 0, font: { family: property("--font"), size: 12 } });
const axis = (more) => ({ grid: { display: false }, border: { display: false }, ticks: ticks(), ...more });

function amounts(more, currency) {
  const callback = (value) => i18n.short(value, currency);
  const grid = { color: property("--line"), drawTicks: false };
  return { ...axis(more), grid, ticks: { ...ticks(), callback, maxTicksLimit: 6, padding: 8 } };
}

// The names beside their colours; a name leads somewhere where it has an address.
export function legend(series) {
  const items = series.map(({ name, folded, href }, index) => {
    const swatch = h("span.swatch", { "aria-hidden": "true" });
    swatch.style.backgroundColor = `var(${folded ? "--others" : `--series-${(index % COLOURS) + 1}`})`;
    return h("li", { dir: "auto" }, swatch, href ? h("a", { href, "data-here": true }, name) : name);
  });
  return h("ul.legend", {}, items);
}
