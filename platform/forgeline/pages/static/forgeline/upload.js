// A form with a file sends it in parts, so that a large one neither fills memory nor begins anew when a part is lost.
(function () {
  "use strict";
  const PART = 4 * 1024 * 1024;
  const TRIES = 5;

  async function ask(method, address, token, body, type) {
    const answer = await fetch(address, { method, body, headers: { "X-CSRFToken": token, "Content-Type": type } });
    const told = answer.headers.get("Content-Type") || "";
    const data = told.includes("json") ? await answer.json() : {};
    return { ok: answer.ok, status: answer.status, data };
  }

  async function send(file, token, tell) {
    const made = await ask("POST", "/api/v1/uploads/", token, JSON.stringify({ name: file.name }), "application/json");
    if (!made.ok) throw new Error(made.data.title || gettext("The file could not be sent; try again."));
    const address = "/api/v1/uploads/" + made.data.id + "/";
    let at = 0;
    let tries = 0;
    while (at < file.size) {
      let answer = null;
      try {
        answer = await ask("PUT", address + "?offset=" + at, token, file.slice(at, at + PART), "application/octet-stream");
      } catch (_lost) {
        answer = { ok: false, status: 0, data: {} };
      }
      if (answer.ok) {
        at = answer.data.size_bytes;
        tries = 0;
      } else if (answer.status === 409 && answer.data.data && answer.data.data.size_bytes !== undefined) {
        at = answer.data.data.size_bytes;
      } else if (answer.status && answer.status < 500) {
        throw new Error(answer.data.title || gettext("The file could not be sent; try again."));
      } else if (++tries >= TRIES) {
        throw new Error(gettext("The file could not be sent; try again."));
      } else {
        await new Promise((resolve) => { setTimeout(resolve, 1000 * tries); });
      }
      tell(at / file.size);
    }
    return made.data.id;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("form[data-upload]") || form.dataset.sent) return;
    const input = form.querySelector("input[type=file]");
    const file = input && input.files[0];
    if (!file) return;
    event.preventDefault();
    const bar = form.querySelector("progress");
    const button = form.querySelector("button");
    bar.hidden = false;
    button.disabled = true;
    const old = form.querySelector(".notice");
    if (old) old.remove();
    send(file, form.elements.csrfmiddlewaretoken.value, (share) => { bar.value = Math.round(share * 100); })
      .then((id) => {
        const field = document.createElement("input");
        field.type = "hidden";
        field.name = "upload";
        field.value = String(id);
        form.append(field);
        input.disabled = true;
        form.dataset.sent = "1";
        form.submit();
      })
      .catch((error) => {
        const notice = document.createElement("div");
        notice.className = "notice bad";
        notice.setAttribute("role", "alert");
        notice.textContent = error.message;
        form.prepend(notice);
        bar.hidden = true;
        button.disabled = false;
      });
  });
})();
