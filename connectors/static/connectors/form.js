// Fields that have a meaning only with another's value, trust of a certificate (fills its field and tests again), the
// count of ticked nodes.
"use strict";

document.addEventListener("click", (event) => {
  const trust = event.target.closest("[data-trust]");
  if (!trust) return;
  const field = document.querySelector('[name="server_fingerprint"]');
  if (!field) return;
  field.value = trust.dataset.trust;
  document.getElementById("test-button")?.click();
});

// A box within a folder's line ticks the folder; it doesn't unfold it.
document.addEventListener("click", (event) => {
  if (event.target.closest("summary .pick")) event.stopPropagation();
}, true);

document.addEventListener("change", (event) => {
  if (event.target.name !== "node") return;
  const told = document.getElementById("pick-count");
  const ticked = document.querySelectorAll('input[name="node"]:checked:not(:disabled)').length;
  if (told) told.textContent = ticked ? `${told.dataset.some} ${ticked}` : told.dataset.none;
});

// data-when="identity=user": shown while the field of that name has one of the values, or says what is wrong.
function fit() {
  for (const field of document.querySelectorAll("[data-when]")) {
    const [name, values] = field.dataset.when.split("=");
    const decisive = document.querySelector(`[name="${name}"]`);
    const fits = !decisive || values.split(" ").includes(decisive.value);
    field.hidden = !fits && !field.classList.contains("faulty");
  }
}
document.addEventListener("change", fit);
fit();
