// The live list: what is ticked stays ticked while rows come and go, keys, and a sound for what has just come.
(function () {
  "use strict";
  // What a refused answer had ticked comes ticked.
  const picked = new Set([...document.querySelectorAll("[data-pick]:checked")].map((box) => box.value));
  let at = -1;
  const rows = () => [...document.querySelectorAll("[data-alarm]")];

  function showPicked() {
    const boxes = [...document.querySelectorAll("[data-pick]")];
    for (const id of [...picked]) if (!boxes.some((box) => box.value === id)) picked.delete(id);
    for (const box of boxes) box.checked = picked.has(box.value);
    const all = document.querySelector("[data-pick-all]");
    if (all) { all.checked = boxes.length > 0 && picked.size === boxes.length; all.indeterminate = picked.size > 0 && !all.checked; }
    const bar = document.querySelector("[data-answers]");
    if (bar) { bar.hidden = !boxes.length; bar.classList.toggle("idle", Boolean(document.querySelector("[data-picked]")) && !picked.size); }
    const words = document.querySelector("[data-picked]");
    if (words) words.textContent = picked.size ? interpolate(ngettext("%s ticked", "%s ticked", picked.size), [picked.size]) : gettext("None ticked");
    for (const button of document.querySelectorAll("[data-answers] [data-needs-pick]")) if (words) button.disabled = !picked.size;
  }
  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-pick]");
    if (box) { picked[box.checked ? "add" : "delete"](box.value); showPicked(); }
    if (event.target.closest("[data-pick-all]")) {
      for (const each of document.querySelectorAll("[data-pick]")) picked[event.target.checked ? "add" : "delete"](each.value);
      showPicked();
    }
  });

  // --- keys ---
  function go(step) {
    const all = rows();
    if (!all.length) return;
    at = Math.max(0, Math.min(all.length - 1, at + step));
    mark();
    all[at].scrollIntoView({ block: "nearest" });
  }
  function mark() { rows().forEach((row, i) => row.classList.toggle("here", i === at)); }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const row = rows()[at];
    const box = row && row.querySelector("[data-pick]");
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "x" && box) { box.click(); }
    else if (event.key === "Enter" && row && event.target === document.body) row.querySelector("a.name").click();
    else if (event.key === "/" ) { const field = document.getElementById("q"); if (field) { event.preventDefault(); field.focus(); } }
    else if (event.key === "a" || event.key === "s") {
      if (!picked.size && box) { picked.add(box.value); showPicked(); }
      const button = document.querySelector(`[data-answers] [data-key="${event.key}"]`);
      if (!button || !picked.size) return;
      const text = document.getElementById("answer-text");
      if (event.key === "s" && !text.value) { event.preventDefault(); text.focus(); } else button.click();
    } else return;
  });

  // --- sound: of what has come since the page was opened, urgent and not acknowledged ---
  const CHOICE = "forgeline-alarm-sound";
  const TONES = { critical: [880, 660, 880], high: [660, 520] };
  let context = null, newest = Math.max(0, ...rows().map((row) => Number(row.dataset.raised)));
  const isOn = () => localStorage.getItem(CHOICE) === "on";
  function showSound() {
    const button = document.querySelector("[data-sound]");
    if (!button) return;
    // A browser plays nothing before somebody has touched the page: said, not passed over.
    const waits = isOn() && (!context || context.state !== "running");
    button.setAttribute("aria-pressed", String(isOn()));
    button.classList.toggle("on", isOn());
    button.querySelector("[data-sound-word]").textContent = waits ? gettext("click to hear") : isOn() ? pgettext("sound", "on") : pgettext("sound", "off");
  }
  function wake() {
    if (!isOn()) return;
    context = context || new AudioContext();
    context.resume().then(showSound);
  }
  function play(tones) {
    if (!context || context.state !== "running") return;
    tones.forEach((pitch, i) => {
      const tone = context.createOscillator(), loud = context.createGain(), from = context.currentTime + i * 0.22;
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.0001, from);
      loud.gain.exponentialRampToValueAtTime(0.25, from + 0.02);
      loud.gain.exponentialRampToValueAtTime(0.0001, from + 0.2);
      tone.connect(loud).connect(context.destination);
      tone.start(from); tone.stop(from + 0.21);
    });
    document.dispatchEvent(new CustomEvent("forgeline:sounded"));
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-sound]")) {
      const isStale = isOn() && (!context || context.state !== "running");
      if (!isStale) localStorage.setItem(CHOICE, isOn() ? "off" : "on");
    }
    wake();
    showSound();
  });
  function hear() {
    const fresh = rows().filter((row) => Number(row.dataset.raised) > newest && row.dataset.life === "unacknowledged");
    newest = Math.max(newest, ...rows().map((row) => Number(row.dataset.raised)));
    const worst = ["critical", "high"].find((priority) => fresh.some((row) => row.dataset.priority === priority));
    if (worst && isOn()) play(TONES[worst]);
  }

  document.addEventListener("htmx:afterSettle", () => { showPicked(); mark(); hear(); });
  showPicked();
  wake();
  showSound();
})();
