"use strict";
const root = document.documentElement;
const byId = (id) => document.getElementById(id);
// Storage may be denied to a file opened from disk; the choice then lasts as long as the page.
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* denied */ } };
const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
{
  const button = byId("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  const kept = remembered("grader-theme");
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember("grader-theme", root.dataset.theme);
    show();
  });
  system.addEventListener("change", show);
  show();
  byId("controls").hidden = false;
}
