// Draws <div data-chart='{"x": [ms…], "series": [{"label", "values", "tone"}]}'> with uPlot, which is loaded only when needed.
(() => {
  "use strict";
  const { uplot, uplotCss } = document.currentScript.dataset;
  const drawn = new Map();
  let library = null;

  function load() {
    library ||= new Promise((resolve, reject) => {
      const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: uplotCss });
      const script = Object.assign(document.createElement("script"), { src: uplot, onload: resolve, onerror: reject });
      document.head.append(style, script);
    });
    return library;
  }

  // A canvas doesn't understand light-dark(): let the browser work the colour out.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  const faint = (value) => value.replace(/^rgb\((.*)\)$/, "rgba($1, 0.1)");

  function options(box, data) {
    const lang = document.documentElement.lang;
    const timeZone = document.documentElement.dataset.timeZone || undefined; // the account's, as everywhere on the page
    const number = new Intl.NumberFormat(lang);
    const compact = new Intl.NumberFormat(lang, { notation: "compact" });
    const time = box.dataset.chartTime === "1";
    const span = time ? data.x[data.x.length - 1] - data.x[0] : 0;
    const day = { day: "numeric", month: "short", timeZone };
    const tick = new Intl.DateTimeFormat(lang, span > 172800000 ? day : { timeStyle: span < 600000 ? "medium" : "short", timeZone });
    const full = new Intl.DateTimeFormat(lang, { dateStyle: "medium", timeStyle: "short", timeZone });
    const axis = { stroke: colour("--tblr-secondary"), font: "12px system-ui, sans-serif", ticks: { show: false } };
    const line = { stroke: colour("--tblr-border-color"), width: 1 };
    return {
      width: box.clientWidth,
      height: 240,
      ms: 1,
      tzDate: (ms) => (timeZone ? window.uPlot.tzDate(new Date(ms), timeZone) : new Date(ms)),
      padding: [12, time ? 32 : 12, 0, 0], // the last time stands under the end of the line
      cursor: { y: false, points: { size: 7 } },
      scales: { x: { time }, y: { range: (_plot, _low, high) => [0, Math.max(high * 1.08, 4)] } },
      axes: [
        { ...axis, grid: { show: false }, space: 90, size: 28, ...(time && { values: (_plot, at) => at.map((ms) => tick.format(ms)) }) },
        { ...axis, grid: line, size: 42, space: 44, values: (_plot, at) => at.map((n) => (n % 1 ? "" : compact.format(n))) },
      ],
      series: [
        { label: box.dataset.chartX, value: (_plot, at) => (at == null ? "–" : time ? full.format(at) : at) },
        ...data.series.map((one) => ({
          label: one.label,
          stroke: colour(`--tone-${one.tone || "accent"}`),
          fill: faint(colour(`--tone-${one.tone || "accent"}`)),
          width: 2,
          points: { show: data.x.length < 2 },
          value: (_plot, n) => (n == null ? "–" : number.format(n)),
        })),
      ],
    };
  }

  function draw(box) {
    drawn.get(box)?.destroy();
    const data = JSON.parse(box.dataset.chart);
    if (!data.x.length || !box.clientWidth) return;
    const rows = [data.x, ...data.series.map((one) => one.values)];
    drawn.set(box, new window.uPlot(options(box, data), rows, box));
  }

  async function drawAll() {
    const boxes = [...document.querySelectorAll("[data-chart]")];
    for (const [box, plot] of drawn) if (!box.isConnected) (plot.destroy(), drawn.delete(box), widths.unobserve(box));
    if (!boxes.length) return;
    await load();
    for (const box of boxes) {
      if (drawn.has(box)) continue;
      draw(box);
      widths.observe(box);
    }
  }

  const widths = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const plot = drawn.get(target);
      if (!plot) draw(target);
      else if (plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: 240 });
    }
  });

  document.addEventListener("themechange", () => [...drawn.keys()].forEach(draw));
  document.addEventListener("live:swapped", drawAll);
  document.addEventListener("htmx:afterSettle", drawAll);
  drawAll();
})();
