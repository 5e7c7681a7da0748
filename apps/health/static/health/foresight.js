// Plots of what a model says: hours as they were with their gaps, the line through them, its limit, the fan of the
// interval. All words and numbers come with the page; times are the plant's.
(function () {
  "use strict";
  const language = document.documentElement.lang;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const plots = [];

  function make(element) {
    const data = JSON.parse(document.getElementById(element.dataset.plot).textContent);
    const format = (options) => new Intl.DateTimeFormat(language, { timeZone: data.zone, hour12: false, ...options });
    const day = format({ month: "numeric", day: "numeric" });
    const moment = format({ year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" });
    const number = (value) => value === null || value === undefined ? "–" : value.toLocaleString(language, { maximumFractionDigits: data.decimals, minimumFractionDigits: data.decimals }) + (data.unit ? ` ${data.unit}` : "");
    const chart = echarts.init(element, null, { renderer: "canvas" });

    function fan(colour) {
      if (!data.fan) return [];
      // Two stacked lines: where the fan begins, and how wide it is there.
      const shared = { type: "line", stack: "fan", stackStrategy: "all", symbol: "none", silent: true, lineStyle: { opacity: 0 }, tooltip: { show: false } };
      return [
        { ...shared, id: "fan-low", data: data.fan.rows.map((row) => [row[0], row[1]]) },
        { ...shared, id: "fan-wide", name: data.fan.name, data: data.fan.rows.map((row) => [row[0], row[2] - row[1]]), areaStyle: { color: colour, opacity: .22 }, itemStyle: { color: colour } },
      ];
    }

    function draw() {
      const ink = css("--ink-2"), line = css("--line"), warn = css("--warn");
      const own = css("--series-1"), ahead = css("--series-2");
      const values = [...data.rows.map((row) => row[1]), data.limit && data.limit.value, ...(data.fan ? data.fan.rows.flatMap((row) => [row[1], row[2]]) : [])].filter((value) => value !== null && value !== undefined);
      const room = (Math.max(...values) - Math.min(...values)) * .08 || 1;
      const step = 10 ** Math.floor(Math.log10(room));
      const bounds = data.min !== undefined ? { min: data.min, max: data.max } : { min: Math.floor((Math.min(...values) - room) / step) * step, max: Math.ceil((Math.max(...values) + room) / step) * step };
      const mark = data.limit && { silent: true, symbol: "none", animation: false, lineStyle: { color: warn, type: "dashed", width: 1.2 }, label: { position: "insideStartTop", color: warn, formatter: () => `${data.limit.name} ${number(data.limit.value)}` }, data: [{ yAxis: data.limit.value }] };
      const series = [
        ...fan(ahead),
        { id: "rows", name: data.name, type: "line", data: data.rows, symbol: data.rows.length < 30 ? "circle" : "none", symbolSize: 4, connectNulls: false, lineStyle: { width: 1.6, color: own }, itemStyle: { color: own }, markLine: mark || undefined },
      ];
      if (data.line) series.push({ id: "line", name: data.line.name, type: "line", data: data.line.rows, symbol: "none", lineStyle: { width: 1.6, type: "dashed", color: ahead }, itemStyle: { color: ahead } });
      chart.setOption({
        animation: false, textStyle: { fontFamily: css("--font") },
        grid: { left: 8, right: 16, top: data.line ? 56 : 24, bottom: 8, containLabel: true },
        legend: data.line ? { top: 0, left: 0, icon: "roundRect", itemHeight: 3, textStyle: { color: ink }, type: "scroll", data: series.filter((each) => each.name).map((each) => each.name) } : undefined,
        tooltip: {
          trigger: "axis", confine: true, backgroundColor: css("--panel"), borderColor: line, textStyle: { color: css("--ink"), fontSize: 13 }, axisPointer: { lineStyle: { color: ink } },
          formatter: (items) => {
            const told = items.filter((item) => !item.seriesId.startsWith("fan"));
            return told.length ? [moment.format(new Date(told[0].value[0])), ...told.map((item) => `${item.marker}<b>${number(item.value[1])}</b>`)].join("<br>") : "";
          },
        },
        xAxis: { type: "time", min: data.from, max: data.to, axisLabel: { color: ink, hideOverlap: true, formatter: (ms) => day.format(new Date(ms)) }, axisLine: { lineStyle: { color: line } }, splitLine: { show: false } },
        yAxis: { type: "value", ...bounds, name: data.unit, nameTextStyle: { color: ink, align: "left" }, axisLabel: { color: ink }, splitLine: { lineStyle: { color: line } }, axisLine: { show: false } },
        series,
      }, true);
    }
    draw();
    plots.push({ chart, draw });
  }

  for (const element of document.querySelectorAll("[data-plot]")) make(element);
  document.addEventListener("forgeline:theme", () => plots.forEach((plot) => plot.draw()));
  addEventListener("resize", () => plots.forEach((plot) => plot.chart.resize()));
})();
