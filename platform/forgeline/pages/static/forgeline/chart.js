// The chart of a machine: several points on axes by unit, gaps as gaps, peaks kept, live tail; the address bar holds
// what is shown, so that a link shows a colleague the same.
(function () {
  "use strict";
  const holder = document.getElementById("chart-data");
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const byId = new Map(data.points.map((p) => [p.id, p]));
  const RANGES = { "15m": 900e3, "1h": 3600e3, "8h": 8 * 3600e3, "24h": 86400e3, "7d": 7 * 86400e3, "30d": 30 * 86400e3, "1y": 366 * 86400e3 };
  // A shift and the production day begin at a fixed instant, and move on only until they end.
  const SPANS = data.spans || {};
  const MOST = 6;
  const element = document.getElementById("chart");
  const note = document.querySelector("[data-chart-note]");
  const language = document.documentElement.lang;
  const query = new URLSearchParams(location.search);
  let shown = data.shown.slice(0, MOST);
  let range = RANGES[query.get("range")] || SPANS[query.get("range")] ? query.get("range") : data.range || "8h";
  let fixed = query.get("from") && query.get("to") ? [Number(query.get("from")), Number(query.get("to"))] : query.get("range") ? null : data.span;
  let series = new Map();
  let chart = null;
  let asked = 0;

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const now = () => Date.now() + (window.Forgeline.skew || 0);
  const span = () => fixed || (SPANS[range] ? [SPANS[range][0], Math.min(now(), SPANS[range][1])] : [now() - RANGES[range], now()]);
  const isLive = () => !fixed && (!SPANS[range] || SPANS[range][1] > now());

  // Times of the plant, whatever zone the reader's tablet is set to.
  const formats = new Map();
  function inPlant(ms, options) {
    const key = JSON.stringify(options);
    if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(language, { timeZone: data.zone, hour12: false, ...options }));
    return formats.get(key).format(new Date(ms));
  }
  function axisTime(ms) {
    const [from, to] = span();
    const clock = inPlant(ms, { hour: "2-digit", minute: "2-digit" });
    if (to - from <= 2 * 3600e3) return clock;
    if (to - from <= 36 * 3600e3) return clock === "00:00" ? inPlant(ms, { month: "numeric", day: "numeric" }) : clock;
    // Within a week ticks come more often than days: one that is no midnight says its hour.
    if (to - from <= 8 * 86400e3 && clock !== "00:00") return inPlant(ms, { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
    return to - from <= 100 * 86400e3 ? inPlant(ms, { month: "numeric", day: "numeric" }) : inPlant(ms, { year: "numeric", month: "numeric" });
  }
  // datetime-local has no zone: it is read and written as the plant's wall clock.
  function toLocal(ms) {
    const parts = Object.fromEntries(new Intl.DateTimeFormat("en-CA", { timeZone: data.zone, hour12: false, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" }).formatToParts(new Date(ms)).map((p) => [p.type, p.value]));
    return `${parts.year}-${parts.month}-${parts.day}T${parts.hour === "24" ? "00" : parts.hour}:${parts.minute}`;
  }
  function fromLocal(text) {
    if (!text) return NaN;
    const guess = Date.parse(text + ":00Z");
    let ms = guess;
    // Twice, because the offset at the guess may not be the one at the answer (summer time).
    for (let i = 0; i < 2; i++) ms = guess - (Date.parse(toLocal(ms) + ":00Z") - ms);
    return ms;
  }

  function keepAddress() {
    const kept = new URLSearchParams(location.search);
    kept.set("points", shown.join(","));
    if (fixed) { kept.set("from", String(Math.round(fixed[0]))); kept.set("to", String(Math.round(fixed[1]))); kept.delete("range"); }
    else { kept.set("range", range); kept.delete("from"); kept.delete("to"); }
    history.replaceState(null, "", `${location.pathname}?${kept}`);
    const [from, to] = span();
    const csv = document.querySelector("[data-csv]");
    csv.href = `/api/v1/samples/?point=${shown.join(",")}&from=${Math.round(from)}&to=${Math.round(to)}&as=csv`;
    for (const button of document.querySelectorAll("[data-range]")) {
      const on = !fixed && button.dataset.range === range;
      button.classList.toggle("on", on);
      button.setAttribute("aria-pressed", String(on));
    }
    document.querySelector("[data-from]").value = toLocal(from);
    document.querySelector("[data-to]").value = toLocal(to);
  }

  async function load() {
    keepAddress();
    const mine = ++asked;
    const [from, to] = span();
    if (!shown.length) { series = new Map(); draw(); note.textContent = gettext("Choose a point below"); return; }
    note.textContent = gettext("Loading");
    try {
      const answer = await fetch(`/api/v1/samples/?point=${shown.join(",")}&from=${Math.round(from)}&to=${Math.round(to)}&pairs=${Math.max(200, Math.min(2000, element.clientWidth))}&columns=value,quality,mean,minimum,maximum`);
      const body = await answer.json();
      if (mine !== asked) return;
      if (!answer.ok) { note.textContent = body.title; return; }
      series = new Map(body.results.map((s) => [s.point_id, rowsOf(s)]));
      const worst = Math.min(...body.results.map((s) => s.coverage));
      const resolution = { raw: gettext("every sample"), "1m": gettext("by the minute"), "1h": gettext("by the hour"), "1d": gettext("by the day") }[body.results[0].resolution];
      note.textContent = interpolate(gettext("%(resolution)s, covered: %(coverage)s"), { resolution, coverage: `${Math.round(worst * 100)} %` }, true);
      draw();
    } catch (error) {
      if (mine === asked) note.textContent = gettext("The server does not answer; trying again soon");
    }
  }

  // [time, value, low, high]; a hole in time becomes a null row, so that a gap is seen as one.
  function rowsOf(s) {
    const point = byId.get(s.point_id);
    const values = s.value || s.mean;
    const bucket = { "1m": 60e3, "1h": 3600e3, "1d": 86400e3 }[s.resolution];
    const hole = bucket ? bucket * 1.6 : Math.max(point.interval_s * 3000, s.is_reduced ? (s.to_ms - s.from_ms) / 150 : 0) * 1.05;
    const rows = [];
    for (let i = 0; i < s.ts_ms.length; i++) {
      if (i && s.ts_ms[i] - s.ts_ms[i - 1] > hole) rows.push([s.ts_ms[i - 1] + 1, null]);
      const bad = s.quality && s.quality[i] === 2;
      rows.push(s.minimum ? [s.ts_ms[i], values[i], s.minimum[i], s.maximum[i]] : [s.ts_ms[i], bad ? null : values[i]]);
    }
    return rows;
  }

  // States and yes-or-no have words, and an axis of their own that shows them.
  function wordOf(value, point) {
    return point.kind === "state" || point.kind === "boolean" ? point.labels[String(Math.round(value))] : undefined;
  }
  function isCoded(point) {
    return (point.kind === "state" || point.kind === "boolean") && Object.keys(point.labels).length > 0;
  }
  function axisOf(point) {
    return isCoded(point) ? `#${point.id}` : point.unit;
  }

  // Of codes only those that occur stand on the axis, one above the other: each has its word, whatever its number.
  let levels = new Map();
  function levelsOf(rows) {
    const seen = new Set();
    for (const row of rows) for (const value of row.slice(1)) if (value !== null && value !== undefined) seen.add(Math.round(value));
    return [...seen].sort((a, b) => a - b);
  }
  function placed(row, point) {
    const codes = levels.get(point.id);
    return codes ? row.map((value, i) => (i && value !== null && value !== undefined ? codes.indexOf(Math.round(value)) : value)) : row;
  }

  function number(value, point) {
    if (value === null || value === undefined) return "–";
    const word = wordOf(value, point);
    if (word) return word;
    return value.toLocaleString(language, { maximumFractionDigits: point.decimals, minimumFractionDigits: point.decimals }) + (point.unit ? ` ${point.unit}` : "");
  }

  // What a rule says is drawn in: its limits as lines, the time in which its alarm stood as a tint.
  function limitsOf(point) {
    const limits = (data.limits || []).filter((limit) => limit.point === point.id);
    const colour = css("--warn");
    return limits.length ? {
      silent: true, symbol: "none", animation: false, lineStyle: { color: colour, type: "dashed", width: 1.2 },
      label: { position: "insideStartTop", color: colour, formatter: (item) => item.name },
      data: limits.map((limit) => ({ yAxis: placed([0, limit.value], point)[1], name: `${limit.name} ${number(limit.value, point)}` })),
    } : undefined;
  }
  function alarmsOf(to) {
    const marks = data.marks || [];
    return marks.length ? {
      silent: true, itemStyle: { color: css("--down"), opacity: .1 },
      data: marks.map((mark) => [{ xAxis: mark.from }, { xAxis: Math.min(mark.to || to, to) }]),
    } : undefined;
  }
  // Where the chart is about a limit, the axis reaches it.
  function boundsOf(axis, points) {
    if (!data.marks || !data.marks.length) return {};
    const ids = points.filter((point) => axisOf(point) === axis).map((point) => point.id);
    const values = (data.limits || []).filter((limit) => ids.includes(limit.point)).map((limit) => limit.value);
    if (!values.length) return {};
    const room = (extent) => (Math.max(extent.max, ...values) - Math.min(extent.min, ...values)) * .08 || 1;
    const nice = (value, by, up) => { const step = 10 ** Math.floor(Math.log10(by || 1)); return (up ? Math.ceil : Math.floor)(value / step) * step; };
    return { min: (extent) => nice(Math.min(extent.min, ...values) - room(extent), room(extent), false), max: (extent) => nice(Math.max(extent.max, ...values) + room(extent), room(extent), true) };
  }

  function draw() {
    if (!window.echarts) return;
    if (!chart) { chart = echarts.init(element, null, { renderer: "canvas" }); chart.on("datazoom", zoomed); }
    const points = shown.map((id) => byId.get(id)).filter(Boolean);
    const axes = [...new Set(points.map(axisOf))];
    const ink = css("--ink-2"), line = css("--line");
    const [from, to] = span();
    const lines = [];
    levels = new Map(points.filter(isCoded).map((point) => [point.id, levelsOf(series.get(point.id) || [])]));
    points.forEach((point, i) => {
      const rows = (series.get(point.id) || []).map((row) => placed(row, point));
      const colour = css(`--series-${i + 1}`);
      const axis = axes.indexOf(axisOf(point));
      const step = point.kind === "state" || point.kind === "boolean" ? "end" : false;
      if (rows.length && rows[0].length === 4) {
        lines.push({ id: `band-low-${point.id}`, type: "line", yAxisIndex: axis, stack: `band-${point.id}`, data: rows.map((r) => [r[0], r[2] ?? null]), lineStyle: { opacity: 0 }, symbol: "none", silent: true, tooltip: { show: false } });
        lines.push({ id: `band-high-${point.id}`, type: "line", yAxisIndex: axis, stack: `band-${point.id}`, data: rows.map((r) => [r[0], r[3] === undefined || r[3] === null ? null : r[3] - r[2]]), lineStyle: { opacity: 0 }, areaStyle: { color: colour, opacity: .14 }, symbol: "none", silent: true, tooltip: { show: false } });
      }
      lines.push({
        id: `point-${point.id}`, name: point.name, type: "line", yAxisIndex: axis, step, data: rows.map((r) => [r[0], r[1]]), symbol: rows.length < 60 ? "circle" : "none", symbolSize: 4,
        markLine: limitsOf(point), markArea: i ? undefined : alarmsOf(to),
        connectNulls: false, lineStyle: { width: 1.6, color: colour, type: ["solid", "solid", "dashed", "dashed", "dotted", "dotted"][i] }, itemStyle: { color: colour }, animation: false,
      });
    });
    chart.setOption({
      animation: false, textStyle: { fontFamily: css("--font") },
      grid: { left: 12, right: 12, top: 64, bottom: 48, containLabel: true },
      legend: { top: 0, left: 0, icon: "roundRect", itemHeight: 3, textStyle: { color: ink }, data: points.map((p) => p.name), type: "scroll" },
      tooltip: {
        trigger: "axis", backgroundColor: css("--panel"), borderColor: line, textStyle: { color: css("--ink"), fontSize: 13 }, axisPointer: { lineStyle: { color: ink } },
        formatter: (items) => {
          const list = items.filter((item) => item.seriesId.startsWith("point-"));
          if (!list.length) return "";
          const head = inPlant(list[0].value[0], { year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
          const lines = list.map((item) => {
            const point = byId.get(Number(item.seriesId.slice(6)));
            const name = document.createElement("span");
            name.textContent = point.name;
            const value = document.createElement("b");
            value.textContent = number(levels.has(point.id) && item.value[1] !== null ? levels.get(point.id)[item.value[1]] : item.value[1], point);
            return `${item.marker}${name.outerHTML}&ensp;${value.outerHTML}`;
          });
          return [head, ...lines].join("<br>");
        },
      },
      xAxis: { type: "time", min: from, max: to, axisLabel: { color: ink, formatter: axisTime, hideOverlap: true }, axisLine: { lineStyle: { color: line } }, splitLine: { show: false } },
      yAxis: (axes.length ? axes : [""]).map((axis, i) => {
        const coded = points.find((point) => axisOf(point) === axis && axis === `#${point.id}`);
        return {
          // No category axis: ECharts would take it for the base, and draw each step at its other end.
          type: "value", scale: true, ...boundsOf(axis, points), ...(coded ? { min: -1, max: levels.get(coded.id).length, interval: 1 } : {}), name: coded ? "" : axis, position: i % 2 ? "right" : "left", offset: i > 1 ? 48 * Math.floor(i / 2) : 0, nameTextStyle: { color: ink },
          axisLabel: { color: ink, ...(boundsOf(axis, points).min ? { showMinLabel: false, showMaxLabel: false } : {}), ...(coded ? { formatter: (place) => wordOf(levels.get(coded.id)[place], coded) || String(levels.get(coded.id)[place] ?? "") } : {}) },
          splitLine: { show: i === 0, lineStyle: { color: line } }, axisLine: { show: false },
        };
      }),
      dataZoom: [{ type: "inside", filterMode: "none" }, { type: "slider", height: 18, bottom: 8, filterMode: "none", borderColor: line, backgroundColor: "transparent", fillerColor: css("--accent-soft"), handleStyle: { color: css("--panel"), borderColor: css("--ink-3") }, moveHandleSize: 0, dataBackground: { lineStyle: { color: css("--ink-3") }, areaStyle: { color: line } }, selectedDataBackground: { lineStyle: { color: css("--accent") }, areaStyle: { color: css("--accent-soft") } }, labelFormatter: (value) => axisTime(value), textStyle: { color: ink }, brushSelect: false }],
      series: lines,
    }, true);
  }

  // A zoom asks again, finer; a short wait lets the hand finish.
  let zoomTimer = null;
  function zoomed() {
    clearTimeout(zoomTimer);
    zoomTimer = setTimeout(() => {
      const zoom = chart.getOption().dataZoom[0];
      if (zoom.start <= 0.01 && zoom.end >= 99.99) return;
      const [from, to] = span();
      fixed = [from + (to - from) * zoom.start / 100, from + (to - from) * zoom.end / 100];
      if (fixed[1] - fixed[0] < 2000) return;
      load();
    }, 400);
  }

  // Live tail: what comes is put at the end and drawn at most twice a second.
  let stale = false;
  window.Forgeline.onSample((pointId, ts, value, quality) => {
    const id = Number(pointId);
    if (!isLive() || !shown.includes(id) || !series.has(id)) return;
    const rows = series.get(id);
    if (rows.length && rows[0].length === 4) return;
    if (rows.length && ts <= rows[rows.length - 1][0]) return;
    rows.push([ts, quality === 2 || typeof value === "string" ? null : value]);
    const from = span()[0];
    while (rows.length && rows[0][0] < from - 60e3) rows.shift();
    stale = true;
  });
  setInterval(() => { if (stale && isLive()) { stale = false; draw(); } }, 1000);
  setInterval(() => { if (isLive() && RANGES[range] > 8 * 3600e3) load(); }, 60000);
  document.addEventListener("forgeline:gap", load);
  document.addEventListener("forgeline:theme", draw);
  addEventListener("resize", () => chart && chart.resize());

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-range]");
    if (button) { range = button.dataset.range; fixed = null; load(); }
    if (event.target.closest("[data-apply]")) {
      const from = fromLocal(document.querySelector("[data-from]").value), to = fromLocal(document.querySelector("[data-to]").value);
      if (from < to) { fixed = [from, to]; load(); } else note.textContent = gettext("The first time must be before the second");
    }
  });
  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-chart-point]");
    if (!box) return;
    const id = Number(box.dataset.chartPoint);
    if (box.checked && shown.length >= MOST) {
      box.checked = false;
      note.textContent = gettext("Six points at most: take one out first");
      return;
    }
    shown = box.checked ? [...shown, id] : shown.filter((each) => each !== id);
    load();
  });
  load();
})();
