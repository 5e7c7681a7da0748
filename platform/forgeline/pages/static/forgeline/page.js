// What every page can: menu on a phone, theme, asking before a deed, ages that tick, copying, ticking all.
(function () {
  "use strict";
  document.addEventListener("click", (event) => {
    const menu = event.target.closest("[data-toggle-menu]");
    if (menu) {
      const open = document.getElementById("side").classList.toggle("open");
      menu.setAttribute("aria-expanded", String(open));
    }
    if (event.target.closest("[data-toggle-theme]")) {
      const root = document.documentElement;
      root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
      localStorage.setItem("forgeline-theme", root.dataset.theme);
      document.dispatchEvent(new CustomEvent("forgeline:theme"));
    }
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = gettext("Copied"); });
    }
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.submit();
    if (event.target.matches("[data-ticks]")) {
      for (const box of event.target.form.querySelectorAll(`input[name="${event.target.dataset.ticks}"]`)) box.checked = event.target.checked;
    }
  });
  document.addEventListener("submit", (event) => {
    // A button that asks a question of its own goes before its form.
    const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
    if (question && !window.confirm(question)) event.preventDefault();
  });

  // A page that nobody looks at asks for nothing by itself; what a person or a message asks for has an event.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && !event.detail.requestConfig.triggeringEvent) event.preventDefault();
  });

  // "0.4 s", "12 s", "6 min", "3 h", "5 d": one form on every page.
  function age(seconds) {
    if (seconds < 0) seconds = 0;
    if (seconds < 10) return interpolate(gettext("%s s"), [seconds.toFixed(1)]);
    if (seconds < 90) return interpolate(gettext("%s s"), [Math.round(seconds)]);
    if (seconds < 5400) return interpolate(gettext("%s min"), [Math.round(seconds / 60)]);
    if (seconds < 172800) return interpolate(gettext("%s h"), [Math.round(seconds / 3600)]);
    return interpolate(gettext("%s d"), [Math.round(seconds / 86400)]);
  }
  function tick() {
    const now = Date.now() + window.Forgeline.skew;
    for (const element of document.querySelectorAll("[data-ts]")) {
      const at = Number(element.dataset.ts);
      if (!at) continue;
      const seconds = (now - at) / 1000;
      const text = interpolate("lasts" in element.dataset ? gettext("for %s") : "gone" in element.dataset ? gettext("gone for %s")
        : "done" in element.dataset ? gettext("done %s ago") : gettext("%s ago"), [age(seconds)]);
      if (element.textContent !== text) element.textContent = text;
      const limit = Number(element.dataset.limit || 0);
      if (limit) element.classList.toggle("old", seconds > limit);
    }
  }
  // The server's clock counts: a tablet's may be minutes off.
  const skew = Number(document.documentElement.dataset.now || 0);
  window.Forgeline = Object.assign(window.Forgeline || {}, { age, skew: skew ? skew - Date.now() : 0, tick });
  // The plant's own time, wherever the reader sits.
  function plantClocks() {
    for (const element of document.querySelectorAll("[data-plant-clock]")) {
      const now = new Date(Date.now() + window.Forgeline.skew);
      element.textContent = now.toLocaleString(document.documentElement.lang, {
        timeZone: element.dataset.plantClock, hour12: false, weekday: "long", year: "numeric", month: "long", day: "numeric", hour: "2-digit", minute: "2-digit",
      });
    }
  }
  setInterval(tick, 1000);
  setInterval(plantClocks, 5000);
  document.addEventListener("DOMContentLoaded", plantClocks);
  document.addEventListener("DOMContentLoaded", () => {
    // The plant is most likely where the browser is.
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    for (const field of document.querySelectorAll("[data-zone]")) if (here && here.includes("/") && field.value === field.defaultValue) field.value = here;
  });
  tick();
  document.addEventListener("htmx:afterSettle", tick);
})();
