{
  const criteria = [...document.querySelectorAll(".criterion")];
  const find = byId("find"), only = byId("only"), fold = byId("fold");
  if (find) {
    const count = document.createElement("span");
    count.className = "muted";
    count.setAttribute("aria-live", "polite");
    find.closest("label").after(count);
    const texts = new Map(criteria.map((item) => [item, item.querySelector("summary").textContent.toLowerCase()]));
    const filter = () => {
      const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const item of criteria) {
        const fits = words.every((word) => texts.get(item).includes(word));
        item.hidden = !fits || (only.checked && item.dataset.verdict !== "lost");
      }
      for (const group of document.querySelectorAll(".group")) {
        group.hidden = ![...group.querySelectorAll(".criterion")].some((item) => !item.hidden);
      }
      const left = criteria.filter((item) => !item.hidden).length;
      byId("none-left").hidden = left > 0;
      count.textContent = words.length || only.checked ? `${left} of ${criteria.length}` : "";
      const list = byId("criteria"), bar = find.closest(".tools");
      if (count.textContent && list.getBoundingClientRect().top > innerHeight && getComputedStyle(bar).position === "sticky") {
        list.scrollIntoView();
      }
    };
    find.addEventListener("input", filter);
    only.addEventListener("change", filter);
    fold.addEventListener("click", () => {
      const open = criteria.some((item) => !item.open);
      for (const item of criteria) item.open = open;
      fold.textContent = open ? "Close all" : "Open all";
    });
  }
  const reveal = () => {
    const target = byId(location.hash.slice(1));
    if (target && target.tagName === "DETAILS") { target.hidden = false; target.open = true; }
    for (let around = target; around; around = around.parentElement?.closest("details")) {
      if (around.tagName === "DETAILS") around.open = true;
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  for (const line of document.querySelectorAll(".again")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy the command " + line.querySelector("code").textContent);
    button.addEventListener("click", async () => {
      const code = line.querySelector("code");
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code); // no clipboard from disk in some browsers: one key press is left
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    line.querySelector("code").after(button);
  }

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const item of folded) item.open = true;
  });
  addEventListener("afterprint", () => { for (const item of folded) item.open = false; });
}
