// The board by keyboard and by hand, and an inspection whose net is away: what was not saved is kept, shown and sent again.
(function () {
  "use strict";
  // --- board: arrows between cards, Space takes a step ---
  document.addEventListener("keydown", (event) => {
    const board = document.querySelector("[data-board]");
    const card = event.target.closest("[data-card]");
    if (!board || event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select, textarea")) return;
    const columns = [...board.querySelectorAll(".column")].map((each) => [...each.querySelectorAll("[data-card] > a")]);
    const column = card ? columns.findIndex((each) => each.includes(card.querySelector("a"))) : -1;
    const row = card ? columns[column].indexOf(card.querySelector("a")) : -1;
    let target = null;
    if (event.key === "ArrowDown") target = card ? columns[column][row + 1] : columns.flat()[0];
    else if (event.key === "ArrowUp" && card) target = columns[column][row - 1];
    else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && card) {
      const step = event.key === "ArrowRight" ? 1 : -1;
      for (let at = column + step; at >= 0 && at < columns.length && !target; at += step) target = columns[at][Math.min(row, columns[at].length - 1)];
    } else if (event.key === " " && card && event.target.matches("a")) {
      const button = card.querySelector("[data-step]");
      event.preventDefault();
      if (button) button.click();
      return;
    }
    if (target) { event.preventDefault(); target.focus(); }
  });

  // --- a plan: of all points, those of the chosen machine ---
  const machine = document.getElementById("id_asset_id"), point = document.getElementById("id_point_id");
  if (machine && point) {
    const narrow = () => {
      const name = machine.value && machine.selectedOptions[0].text;
      for (const group of point.querySelectorAll("optgroup")) group.hidden = group.disabled = Boolean(name) && group.label !== name;
      if (point.value && point.selectedOptions[0].closest("optgroup").hidden) point.value = "";
    };
    machine.addEventListener("change", narrow);
    narrow();
  }

  // --- an order: what was written of the finding goes with whatever button is pressed, and is saved first ---
  // What came back refused is not saved either.
  let isWritten = Boolean(document.querySelector("[data-found=written]"));
  document.addEventListener("input", (event) => { isWritten = isWritten || Boolean(event.target.closest("[data-found]")); });
  document.addEventListener("submit", (event) => {
    const found = document.querySelector("[data-found]");
    const form = event.target;
    if (!found || !isWritten || form === found || !form.closest("main") || form.method !== "post") return;
    for (const [name, value] of new FormData(found)) {
      if (name === "csrfmiddlewaretoken") continue;
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: `found-${name}`, value });
      form.append(field);
    }
  });

  // --- board: a card is dragged to another column; which step that is, and whether it may be, the server says ---
  let dragged = null;
  const columnOf = (event) => event.target.closest ? event.target.closest("[data-board] [data-state]") : null;
  function marked(from) {
    const steps = from ? from.dataset.steps.split(" ") : [];
    for (const column of document.querySelectorAll("[data-board] [data-state]")) {
      column.classList.toggle("can", steps.includes(column.dataset.state));
      column.classList.remove("over");
    }
  }
  document.addEventListener("dragstart", (event) => {
    const card = event.target.closest ? event.target.closest("[data-board] [data-card]") : null;
    if (!card) return;
    dragged = card;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", card.dataset.card);
    card.classList.add("dragged");
    marked(columnOf(event));
  });
  document.addEventListener("dragover", (event) => {
    const column = columnOf(event);
    if (!dragged || !column) return;
    event.preventDefault();
    for (const each of document.querySelectorAll(".column.over")) if (each !== column) each.classList.remove("over");
    column.classList.add("over");
  });
  document.addEventListener("drop", (event) => {
    const column = columnOf(event);
    if (!dragged || !column) return;
    event.preventDefault();
    const form = document.querySelector("[data-move]");
    if (column.contains(dragged) || !form) return;
    form.action = dragged.dataset.card;
    form.querySelector("[name=to]").value = column.dataset.state;
    form.submit();
  });
  document.addEventListener("dragend", () => {
    if (dragged) dragged.classList.remove("dragged");
    dragged = null;
    marked(null);
  });

  // --- inspection: answers that did not arrive are sent again, in their order ---
  const waiting = new Map();
  function show() {
    const notice = document.querySelector("[data-lost]");
    if (notice) notice.hidden = !waiting.size;
  }
  function lost(event) {
    const form = event.target.closest("[data-stop]");
    if (!form) return;
    const given = event.detail.requestConfig ? event.detail.requestConfig.parameters : {};
    const fields = given instanceof FormData ? Object.fromEntries(given.entries()) : { ...given };
    waiting.set(form.querySelector("[name=item]").value, fields);
    form.closest(".stop").classList.add("unsent");
    show();
  }
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  document.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status >= 500) lost(event); });
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.target.closest ? event.target.closest("[data-stop]") : null;
    if (event.detail.successful && event.detail.requestConfig) {
      const given = event.detail.requestConfig.parameters;
      const item = given instanceof FormData ? given.get("item") : given.item;
      if (item) { waiting.delete(String(item)); show(); }
    }
    if (form && event.detail.successful) show();
  });
  function again() {
    for (const [item, fields] of waiting) {
      const stop = document.getElementById(`stop${item}`);
      if (stop) htmx.ajax("POST", location.pathname, { source: stop.querySelector("[data-stop]"), target: `#stop${item}`, swap: "outerHTML", values: fields });
    }
  }
  window.addEventListener("online", again);
  setInterval(() => { if (waiting.size && navigator.onLine && !document.hidden) again(); }, 5000);
  window.addEventListener("beforeunload", (event) => { if (waiting.size) event.preventDefault(); });
})();
