// Light or dark: the reader's choice, else the system's. Runs before the page is drawn.
(function () {
  const chosen = localStorage.getItem("forgeline-theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
