{
  const PAGE = 500; // rows laid out at first: thousands more come with one click, filters and sorting see all of them
  const table = byId("cohort"), body = table.tBodies[0];
  const heads = [...table.tHead.querySelectorAll("[data-key]")];
  const columns = [...byId("lost").options].slice(1).map((option) => option.value);
  const titles = new Map([...document.querySelectorAll(".rates a")].map((link) => [link.textContent, link.title]));
  const element = (name, text = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const rows = [...body.rows].map((row) => {
    const cells = row.cells, link = cells[0].querySelector("a");
    const number = (i) => { const value = parseFloat(cells[i].textContent); return Number.isNaN(value) ? null : value; };
    const letters = cells[5].textContent.replaceAll(" ", "");
    const tones = [...cells[5].querySelectorAll("i")].map((run) => run.className.repeat(run.textContent.length)).join("");
    return {
      row, letters, tones, name: cells[0].querySelector(".name").textContent, href: link?.getAttribute("href"),
      said: cells[1].textContent, score: number(1), bonus: number(2), pending: number(3), final: number(4),
      started: cells[6].textContent, outcome: row.dataset.outcome || "graded",
      lost: new Set(columns.filter((_, i) => "fw".includes(tones[i] ?? "n"))),
    };
  });
  const start = { q: "", outcome: "", lost: "", sort: "name", dir: "asc", compare: "" };
  const MOST = 3; // side by side
  const TONES = { p: "pass", f: "fail", w: "warn", n: "none" };
  const marks = new Map([...document.querySelectorAll("[data-letter]")].map((mark) => [mark.dataset.letter, mark.dataset]));
  const byName = new Map(rows.map((item) => [item.name, item]));
  const chosen = () => state.compare.split("/").filter((name) => byName.has(name)).slice(0, MOST); // no name holds a slash
  let state = { ...start }, everything = false;

  const compare = (a, b) => {
    const x = a[state.sort], y = b[state.sort], sign = state.dir === "asc" ? 1 : -1;
    if (x === null || y === null) return (x === null) - (y === null); // without a value: last, either way
    const order = typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true });
    return sign * order || a.name.localeCompare(b.name, "en", { numeric: true });
  };
  const show = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = rows.filter((item) => words.every((word) => item.name.toLowerCase().includes(word)) &&
      (!state.outcome || item.outcome === state.outcome) && (!state.lost || item.lost.has(state.lost))).sort(compare);
    const shown = everything ? fits : fits.slice(0, PAGE);
    body.replaceChildren(...shown.map((item) => item.row));
    const names = chosen();
    for (const item of shown) {
      pick(item).checked = names.includes(item.name);
      item.pick.disabled = !item.pick.checked && names.length >= MOST;
    }
    compared(names);
    const of = fits.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
    byId("count").textContent = `${fits.length.toLocaleString("en")}${of} submissions`;
    byId("more").hidden = shown.length === fits.length;
    byId("all").textContent = `Show all ${fits.length.toLocaleString("en")}`;
    for (const head of heads) {
      if (head.dataset.key === state.sort) head.setAttribute("aria-sort", state.dir === "asc" ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    }
    for (const key of ["q", "outcome", "lost"]) if (byId(key).value !== state[key]) byId(key).value = state[key];
  };
  // A box beside each name that is on the page; thousands are made only when they are shown.
  const pick = (item) => {
    if (item.pick) return item.pick;
    item.pick = element("input", "", { type: "checkbox", "aria-label": "Compare " + item.name });
    item.pick.addEventListener("change", () => {
      const names = chosen().filter((name) => name !== item.name);
      change({ compare: (item.pick.checked ? [...names, item.name] : names).join("/") });
    });
    item.row.cells[0].prepend(item.pick, " ");
    return item.pick;
  };
  const compared = (names) => {
    const section = byId("comparison"), those = names.map((name) => byName.get(name));
    section.hidden = names.length < 2;
    byId("compare-hint").hidden = names.length !== 1;
    if (section.hidden) return;
    const line = (title, cells, same, label = title) => {
      const row = element("tr", "", same ? { class: "same" } : {});
      row.append(element("th", title, { scope: "row", title: label }), ...cells);
      return row;
    };
    const numbers = ["said", "bonus", "pending", "final"].filter((key) => those.some((item) => item[key] !== null));
    const lines = numbers.map((key) => {
      const values = those.map((item) => (item[key] === null ? "–" : String(item[key])));
      return line(key === "said" ? "score" : key, values.map((value) => element("td", value, { class: "num" })), new Set(values).size === 1);
    });
    columns.forEach((id, i) => {
      const letters = those.map((item) => item.letters[i] ?? "_");
      const cells = those.map((item, at) => {
        const { word } = marks.get(letters[at]), tone = { class: TONES[item.tones[i] ?? "n"] }, cell = element("td", "", tone);
        cell.append(item.href ? element("a", word, { href: item.href + "#" + id, ...tone }) : word);
        return cell;
      });
      lines.push(line(id, cells, new Set(letters).size === 1, titles.get(id)));
    });
    const head = element("tr");
    head.append(element("th", "", { scope: "col" }), ...those.map((item) => {
      const cell = element("th", "", { scope: "col" });
      cell.append(item.href ? element("a", item.name, { href: item.href }) : item.name);
      return cell;
    }));
    byId("compared").replaceChildren(head, ...lines);
    const equal = lines.filter((row) => row.className === "same").length;
    const some = equal ? `${equal} of ${lines.length} ${equal === 1 ? "line is" : "lines are"} equal` : "";
    byId("equal").textContent = equal === lines.length ? "they agree on everything" : some;
  };
  const read = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    state = Object.fromEntries(Object.keys(start).map((key) => [key, said.get(key) ?? start[key]]));
    if (!heads.some((head) => head.dataset.key === state.sort)) state.sort = start.sort;
    show();
  };
  const change = (update) => {
    state = { ...state, ...update };
    const said = new URLSearchParams(Object.entries(state).filter(([key, value]) => value !== start[key]));
    try { history.replaceState(null, "", "#" + said); } catch { /* some browsers forbid it to files */ }
    show();
  };
  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const key = head.dataset.key, first = key === "name" ? "asc" : "desc";
      const other = first === "asc" ? "desc" : "asc";
      change({ sort: key, dir: state.sort === key && state.dir === first ? other : first });
    });
  }
  byId("q").addEventListener("input", (event) => change({ q: event.target.value }));
  for (const key of ["outcome", "lost"]) byId(key).addEventListener("change", (event) => change({ [key]: event.target.value }));
  byId("differ").addEventListener("change", (event) => byId("compared").classList.toggle("only", event.target.checked));
  byId("clear").addEventListener("click", () => change({ compare: "" }));
  byId("reset").addEventListener("click", () => change(start));
  byId("all").addEventListener("click", () => { everything = true; show(); });
  addEventListener("hashchange", () => {
    if (byId(location.hash.slice(1))) return; // a place on the page
    read();
    byId("count").scrollIntoView();
  });
  addEventListener("beforeprint", () => { everything = true; show(); });
  read();
}
