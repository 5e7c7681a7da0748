// The editor of a rule: only the fields, points and states of the chosen kind are shown; what a trial suggests is put
// into its field, and what it found is said to be of an earlier wording once the rule is changed.
(function () {
  "use strict";
  const form = document.querySelector("[data-rule]");
  if (!form) return;
  const kind = form.querySelector("[name=kind]");
  const point = form.querySelector("[name=point]");
  const codes = form.querySelector("[name=codes]");
  function showPoints() {
    for (const select of form.querySelectorAll("select")) {
      for (const option of select.querySelectorAll("[data-fits]")) {
        option.hidden = option.disabled = !option.dataset.fits.split(" ").includes(kind.value) && kind.value !== "expression";
      }
      const chosen = select.selectedOptions[0];
      if (chosen && chosen.disabled) select.selectedIndex = [...select.options].findIndex((option) => !option.disabled);
    }
  }
  function showStates() {
    let declared = 0;
    for (const box of form.querySelectorAll("[data-state-of]")) {
      const isOfPoint = box.dataset.stateOf === point.value;
      declared += isOfPoint;
      box.closest("label").parentElement.hidden = !isOfPoint;
    }
    // Each group of boxes is headed by its point, which stands in the list already.
    for (const group of form.querySelectorAll("#id_states > div")) {
      group.hidden = !group.querySelector("div:not([hidden]) > label [data-state-of]");
      if (group.firstElementChild.matches("label")) group.firstElementChild.hidden = true;
    }
    const boxes = form.querySelector("#id_states");
    if (boxes) boxes.closest("[data-of]").hidden = kind.value !== "state" || !declared;
    // A code that the point does not declare stays as it was written.
    const isTyped = kind.value === "state" && (!declared || codes.value.trim() !== "");
    codes.disabled = !isTyped;
    codes.closest("[data-of]").hidden = !isTyped;
  }
  function show() {
    for (const element of form.querySelectorAll("[data-of]")) element.hidden = !element.dataset.of.split(" ").includes(kind.value);
    showPoints();
    showStates();
  }
  kind.addEventListener("change", show);
  point.addEventListener("change", () => {
    codes.value = "";
    showStates();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    const field = button && form.querySelector(`[name=${button.dataset.take}]`);
    if (!field) return;
    field.value = button.dataset.size;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  const trial = form.querySelector("#trial");
  const stale = form.querySelector("[data-stale]");
  let hasChanged = false;
  function showStale() {
    stale.hidden = !hasChanged || Boolean(trial.querySelector("[data-untried]"));
  }
  form.addEventListener("input", (event) => {
    // What people are told changes nothing about when.
    if (/^(note|is_enabled|sure|priority|severity|(name|consequence|instruction)_.*)$/.test(event.target.name)) return;
    hasChanged = true;
    showStale();
  });
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target === trial && event.detail.elt.tagName === "BUTTON") hasChanged = false;
  });
  form.addEventListener("htmx:afterSwap", showStale);
  show();
})();
