"use strict";
const byId = (id) => document.getElementById(id);
const csrf = document.querySelector("meta[name=csrf]").content;
const main = byId("main");
const items = [...document.querySelectorAll(".item")];
const say = (place, text, bad = false) => { place.textContent = text; place.classList.toggle("bad", bad); };
const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

// Everything that changes something goes through here; the answer is JSON, also where it is a refusal.
async function ask(method, path, body) {
  const response = await fetch(`/submissions/${main.dataset.name}/${path}`, {
    method, keepalive: true, redirect: "error",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ digest: main.dataset.digest, ...body }),
  });
  return { status: response.status, ...(await response.json()) };
}

// --- saving ---------------------------------------------------------------------------------------------------------

const PAUSE_MS = 400, AGAIN_MS = 2000;
const savers = new Map();

class Saver {
  constructor(item) {
    this.item = item;
    this.seen = Number(item.dataset.seen);
    this.text = item.querySelector("textarea");
    this.place = item.querySelector(".state");
    this.clash = item.querySelector(".clash");
    this.kept = this.tried = this.now();
    this.timer = 0;
    this.running = null;
    item.addEventListener("input", () => { if (this.dirty) say(this.place, "…"); this.later(PAUSE_MS); });
    item.addEventListener("change", () => this.save());
    this.text.addEventListener("blur", () => this.save());
    this.clash.querySelector(".mine").addEventListener("click", () => this.resolve(true));
    this.clash.querySelector(".theirs").addEventListener("click", () => this.resolve(false));
  }

  now() {
    const chosen = this.item.querySelector("input:checked");
    return JSON.stringify({ mark: chosen ? Number(chosen.value) : null, comment: this.text.value });
  }

  get dirty() { return this.kept !== this.now(); }

  later(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), ms);
  }

  // One request at a time and item, so that an older text never comes after a newer one.
  save() {
    clearTimeout(this.timer);
    this.running ??= this.send().finally(() => { this.running = null; });
    return this.running;
  }

  async send() {
    while (this.dirty && this.clash.hidden) {
      const state = this.now();
      let answer;
      try {
        answer = await ask("PUT", `sheet/${this.item.dataset.item}`, { ...JSON.parse(state), seen: this.seen });
      } catch {
        say(this.place, "Not saved: the desk does not answer. Leave this page open; it is tried again.", true);
        this.tried = state;
        this.later(AGAIN_MS);
        return;
      }
      if (answer.status === 200) {
        this.seen = answer.number;
        this.kept = state;
        say(this.place, `Saved ${clock()}`);
      } else if (answer.status === 409 && answer.there) {
        const { mark, comment, number } = answer.there;
        this.seen = number;
        // Our own, of which only the answer was lost: go on from there.
        if (JSON.stringify({ mark, comment }) === this.tried) { this.kept = this.tried; continue; }
        this.there = answer.there;
        this.clash.querySelector("blockquote").textContent = `${mark ?? "no mark"}\n${comment}`;
        this.clash.hidden = false;
        say(this.place, "Not saved: changed in another window.", true);
      } else {
        say(this.place, `Not saved: ${answer.error}. Copy what you typed before you leave this page.`, true);
        return;
      }
    }
  }

  resolve(mine) {
    if (!mine) {
      this.text.value = this.there.comment;
      for (const input of this.item.querySelectorAll("input")) input.checked = Number(input.value) === this.there.mark && this.there.mark !== null;
      this.kept = this.now();
      say(this.place, "Saved in the other window");
    }
    this.clash.hidden = true;
    this.save();
    this.item.focus();
  }
}

if (main.dataset.mode === "sheet") {
  for (const item of items) savers.set(item, new Saver(item));
  const all = () => Promise.all([...savers.values()].map((saver) => saver.save()));
  addEventListener("pagehide", all);
  document.addEventListener("visibilitychange", () => { if (document.hidden) all(); });
  addEventListener("beforeunload", (event) => {
    if ([...savers.values()].some((saver) => saver.dirty)) { all(); event.preventDefault(); }
  });
  const sure = byId("sure"), place = byId("finish-state");
  byId("hand-in").addEventListener("click", async () => {
    await all();
    const left = items.filter((item) => !item.querySelector("input:checked"));
    if ([...savers.values()].some((saver) => saver.dirty)) {
      say(place, "Something is not saved yet; see above.", true);
    } else if (left.length) {
      say(place, `${left.length} ${left.length === 1 ? "item has" : "items have"} no mark yet.`, true);
      left[0].focus();
    } else {
      sure.returnValue = "no";
      sure.showModal();
    }
  });
  sure.addEventListener("close", () => { if (sure.returnValue === "yes") finish("hand-in", place); });
}

async function finish(action, place) {
  try {
    const answer = await ask("POST", action, {});
    if (answer.status === 200) location.reload();
    else say(place, `Not done: ${answer.error}.`, true);
  } catch {
    say(place, "Not done: the desk does not answer.", true);
  }
}
byId("take-back")?.addEventListener("click", () => finish("take-back", byId("finish-state")));

for (const button of document.querySelectorAll("button.settle")) {
  const item = button.closest(".item"), place = item.querySelector(".state");
  button.addEventListener("click", async () => {
    const chosen = item.querySelector("input:checked");
    if (!chosen) { say(place, "Choose a mark first.", true); return; }
    try {
      const body = { mark: Number(chosen.value), seen: Number(item.dataset.seen) };
      const answer = await ask("PUT", `settled/${item.dataset.item}`, body);
      if (answer.status === 200) { location.hash = item.id; location.reload(); }
      else say(place, `Not settled: ${answer.error}. Load the page again.`, true);
    } catch {
      say(place, "Not settled: the desk does not answer.", true);
    }
  });
}

// --- keys -----------------------------------------------------------------------------------------------------------

const help = byId("help"), keysOn = byId("keys-on"), search = byId("search");
byId("show-help").addEventListener("click", () => help.showModal());
try { keysOn.checked = localStorage.getItem("desk-keys") !== "off"; } catch { /* denied: they are on */ }
keysOn.addEventListener("change", () => {
  try { localStorage.setItem("desk-keys", keysOn.checked ? "on" : "off"); } catch { /* denied: as long as the page */ }
});

const rows = [...document.querySelectorAll("tr[data-name]")];
const stops = () => items.length ? items : rows.filter((row) => !row.hidden).map((row) => row.querySelector("a"));
const current = () => stops().findIndex((stop) => stop.contains(document.activeElement));
function move(by) {
  const all = stops(), at = current();
  const stop = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
  if (!stop) return;
  stop.focus();
  stop.scrollIntoView({ block: "nearest" });
}
function mark(digit) {
  const input = items[current()]?.querySelector(`input[value="${digit}"]:enabled`);
  if (!input) return;
  input.closest("details")?.setAttribute("open", "");
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  items[current()].querySelector("button.settle")?.focus(); // what all agreed on takes one more key
}
const keys = {
  j: () => move(1), k: () => move(-1),
  c: () => (items[current()] ?? items[0])?.querySelector("textarea")?.focus(),
  h: () => { byId("hand-in")?.click(); byId("take-back")?.focus(); },
  r: () => byId("report")?.focus(),
  u: () => byId("up")?.click(), n: () => byId("after")?.click(), p: () => byId("before")?.click(),
  "/": () => search?.focus(), "?": () => help.showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.matches("textarea, input[type=search]");
  if (event.key === "Escape" && typing) {
    (event.target.closest(".item") ?? byId("main")).focus();
    return;
  }
  if (typing || !keysOn.checked) return;
  if (/^[0-9]$/.test(event.key)) mark(event.key);
  else if (Object.hasOwn(keys, event.key)) keys[event.key]();
  else return;
  event.preventDefault();
});

const todo = byId("todo");
function filter() {
  const wanted = search.value.trim().toLowerCase();
  for (const row of rows) row.hidden = !row.dataset.name.includes(wanted) || (todo.checked && !("todo" in row.dataset));
  const left = rows.filter((row) => !row.hidden).length;
  byId("count").textContent = left < rows.length ? `${left} of ${rows.length} submissions` : `${rows.length} submissions`;
}
search?.addEventListener("input", filter);
todo?.addEventListener("change", filter);
if (location.hash && items.length) byId(decodeURIComponent(location.hash.slice(1)))?.focus();
document.documentElement.dataset.ready = ""; // from here on keys are heard
