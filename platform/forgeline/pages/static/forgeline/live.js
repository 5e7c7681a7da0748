// Live values: one socket a page, the first change at once, then at most two a second; a lost socket is told, comes
// back by itself, and the gap is filled from the API.
(function () {
  "use strict";
  const EVERY_MS = 500, SETTLE_MS = 3000;
  const topics = () => [...new Set([...document.querySelectorAll("[data-live-topic]")].map((e) => e.dataset.liveTopic))];
  const listeners = new Set();
  const newest = new Map();
  const pending = new Map();
  const drawnAt = new Map();
  let socket = null, delay = 500, lostAt = null, lastFrameAt = 0, wasOpen = false, timer = null;

  function pill(state, text) {
    for (const element of document.querySelectorAll("[data-live-pill]")) {
      element.dataset.state = state;
      const words = element.querySelector("[data-live-text]");
      if (words.textContent !== text) words.textContent = text;
    }
  }
  function clockOf(date) {
    return date.toLocaleTimeString(document.documentElement.lang, { hour12: false });
  }
  function showState() {
    if (lostAt) {
      pill("lost", interpolate(gettext("Not live since %s, reconnecting"), [clockOf(lostAt)]));
    } else if (!wasOpen) {
      pill("waiting", gettext("Connecting"));
    } else if (!document.querySelector('[data-live-topic^="asset."]')) {
      pill("live", gettext("Live"));
    } else if (!lastFrameAt) {
      pill("live", gettext("Live, waiting for values"));
    } else {
      pill("live", interpolate(gettext("Live, %s"), [window.Forgeline.age((Date.now() - lastFrameAt) / 1000)]));
    }
  }

  function format(value, element) {
    if (value === null || value === undefined) return "–";
    if (typeof value === "string") return value;
    const labels = element.dataset.labels;
    if (labels) {
      const word = JSON.parse(labels)[String(value)];
      if (word) return word;
    }
    const decimals = Number(element.dataset.decimals || 0);
    return value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  }
  function draw(pointId, row) {
    drawnAt.set(pointId, performance.now());
    const [, ts, value, quality] = row;
    for (const element of document.querySelectorAll(`[data-point="${pointId}"]`)) {
      if (Number(element.dataset.shownTs || 0) > ts) continue;
      element.dataset.shownTs = ts;
      const text = format(value, element);
      if (element.textContent !== text) element.textContent = text;
      element.dataset.quality = quality;
    }
    for (const element of document.querySelectorAll(`[data-age-of="${pointId}"]`)) element.dataset.ts = ts;
    for (const element of document.querySelectorAll(`[data-quality-of="${pointId}"]`)) {
      element.textContent = [gettext("good"), gettext("uncertain"), gettext("bad")][quality] || "";
      element.className = quality === 0 ? "tag" : quality === 1 ? "state warn" : "state down";
    }
    const owner = document.querySelector(`[data-age-point="${pointId}"]`);
    if (owner) owner.classList.remove("stale");
    for (const listener of listeners) listener(pointId, ts, value, quality);
  }
  function take(rows) {
    const now = performance.now();
    for (const row of rows) {
      // What is filled in may be older than what has come by the socket meanwhile.
      if (newest.get(row[0])?.[1] > row[1]) continue;
      newest.set(row[0], row);
      const last = drawnAt.get(row[0]);
      if (last === undefined || now - last >= EVERY_MS) { pending.delete(row[0]); draw(row[0], row); }
      else pending.set(row[0], row);
    }
    if (pending.size && !timer) timer = setTimeout(flush, EVERY_MS / 2);
  }
  function flush() {
    timer = null;
    const now = performance.now();
    for (const [id, row] of pending) {
      if (now - drawnAt.get(id) >= EVERY_MS) { pending.delete(id); draw(id, row); }
    }
    if (pending.size) timer = setTimeout(flush, EVERY_MS / 2);
  }

  // Part of a page that was made anew may be older than what has come by the socket.
  function redraw() {
    for (const element of document.querySelectorAll("[data-point]")) {
      const row = newest.get(Number(element.dataset.point));
      if (row && !pending.has(row[0]) && row[1] > Number(element.dataset.shownTs || 0)) draw(row[0], row);
    }
  }

  async function fillGap() {
    const ids = [...new Set([...document.querySelectorAll("[data-point]")].map((e) => e.dataset.point))];
    for (let at = 0; at < ids.length; at += 500) {
      const answer = await fetch(`/api/v1/latest/?point=${ids.slice(at, at + 500).join(",")}`, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const body = await answer.json();
      take(body.results.map((r) => [r.point_id, r.ts_ms, r.value, r.quality]));
    }
    document.dispatchEvent(new CustomEvent("forgeline:gap"));
    alarmsChanged();
  }

  // The first change at once, of a burst the last: a page reads its alarms at most twice a second.
  let alarmsAt = -EVERY_MS, alarmsTimer = null;
  function alarmsChanged() {
    if (alarmsTimer) return;
    alarmsTimer = setTimeout(() => {
      alarmsTimer = null; alarmsAt = performance.now();
      document.dispatchEvent(new CustomEvent("forgeline:alarms"));
    }, Math.max(0, alarmsAt + EVERY_MS - performance.now()));
  }

  // Open is not yet live: what is committed between the two comes by no frame, so the gap is filled only now; what
  // came while the page was made and sent is one too.
  function nowLive() {
    if (lostAt) fillGap();
    // Latest values are written by time, so the newest of the gap may be served only a little later.
    if (lostAt || !wasOpen) setTimeout(fillGap, SETTLE_MS);
    lostAt = null; wasOpen = true;
    showState();
  }

  function connect() {
    if (!topics().length) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
    socket.onopen = () => {
      socket.send(JSON.stringify({ op: "subscribe", topics: topics() }));
      delay = 500;
    };
    socket.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.t === "samples") { lastFrameAt = Date.now(); take(frame.p); }
      else if (frame.t === "subscribed") nowLive();
      else if (frame.t === "gap") fillGap();
      else if (frame.t === "alarms") alarmsChanged();
      else if (frame.t === "bell") document.dispatchEvent(new CustomEvent("forgeline:bell"));
      else if (frame.t === "state") document.dispatchEvent(new CustomEvent("forgeline:state", { detail: frame }));
    };
    socket.onclose = (event) => {
      if (event.code === 4401) { location.reload(); return; }
      if (!lostAt) lostAt = new Date();
      showState();
      setTimeout(connect, delay * (0.75 + Math.random() / 2));
      delay = Math.min(delay * 2, 10000);
    };
  }

  window.Forgeline = Object.assign(window.Forgeline || {}, {
    onSample: (listener) => { listeners.add(listener); return () => listeners.delete(listener); },
    formatValue: format,
  });
  setInterval(showState, 1000);
  document.addEventListener("htmx:afterSettle", () => {
    redraw();
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ op: "subscribe", topics: topics() }));
  });
  connect();
  showState();
})();
