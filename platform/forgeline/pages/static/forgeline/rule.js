// The editor of a rule: only the fields of the chosen kind are shown; what a trial suggests is put into its field.
(function () {
  "use strict";
  const form = document.querySelector("[data-rule]");
  if (!form) return;
  const kind = form.querySelector("[name=kind]");
  function show() {
    for (const element of form.querySelectorAll("[data-of]")) element.hidden = !element.dataset.of.split(" ").includes(kind.value);
  }
  kind.addEventListener("change", show);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-take]");
    const field = button && form.querySelector(`[name=${button.dataset.take}]`);
    if (!field) return;
    field.value = button.dataset.size;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });
  show();
})();
