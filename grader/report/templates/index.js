{
  const PAGE = 500; // rows laid out at first: thousands more come with one click, filters and sorting see all of them
  const table = byId("cohort"), body = table.tBodies[0];
  const heads = [...table.tHead.querySelectorAll("[data-key]")];
  const columns = [...byId("lost").options].slice(1).map((option) => option.value);
  const rows = [...body.rows].map((row) => {
    const cells = row.cells, number = (i) => (cells[i].textContent === "–" || !cells[i].textContent ? null : Number(cells[i].textContent));
    const letters = cells[5].textContent.replaceAll(" ", "");
    return {
      row, name: (cells[0].querySelector("a") || cells[0]).textContent, score: number(1), bonus: number(2), pending: number(3),
      final: number(4), started: cells[6].textContent, outcome: row.dataset.outcome || "graded",
      lost: new Set(columns.filter((_, i) => letters[i] && !"·_".includes(letters[i]))),
    };
  });
  const start = { q: "", outcome: "", lost: "", sort: "name", dir: "asc" };
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
  byId("reset").addEventListener("click", () => change(start));
  byId("all").addEventListener("click", () => { everything = true; show(); });
  addEventListener("hashchange", read);
  addEventListener("beforeprint", () => { everything = true; show(); });
  read();
}
