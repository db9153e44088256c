// The issue page works without this. With it a swap of the panes keeps what the editor has at hand: text being typed,
// what is open, where the panes are scrolled to, the focus. Leaving with unsaved text asks first, and an answer that
// cannot be swapped in is said in words.
(() => {
  "use strict";
  const FIELDS = "textarea, select, input:not([type=hidden], [type=radio], [type=checkbox])";
  const panes = document.getElementById("panes");
  let kept = null;
  let leaving = false;

  const fieldsOf = (form) => [...form.querySelectorAll(FIELDS)];
  const began = (field) => field.tagName === "SELECT"
    ? ([...field.options].find((one) => one.defaultSelected) || field.options[0] || {}).value : field.defaultValue;
  const isDirty = (form) => fieldsOf(form).some((field) => field.value !== began(field));
  const dirtyForms = () => [...document.querySelectorAll("form[data-keep]")].filter(isDirty);
  const same = (one, other) => one.split(/\s+/).join(" ").trim() === other.split(/\s+/).join(" ").trim(); // the server tidies blanks
  const atHand = () => new Set([...dirtyForms(), document.activeElement?.closest("form[data-keep]")].filter(Boolean));
  const nameFold = (fold) => fold.id || [fold.closest("[id]")?.id, fold.querySelector("summary")?.textContent.trim()].join("|");
  const folds = () => panes.querySelectorAll("details");

  const say = (words) => { document.getElementById("said").textContent = words; };
  const complain = (words) => {
    const place = document.getElementById("trouble-live");
    place.textContent = words;
    place.hidden = !words;
  };
  window.desk = { began, complain, dirtyForms, fieldsOf, isDirty, same, say };

  function keep(saved, refused) {
    kept = {
      refused,
      open: new Map([...folds()].map((fold) => [nameFold(fold), fold.open])),
      scrolled: [...panes.children].map((pane) => [pane.id, pane.scrollTop]),
      window: window.scrollY,
      focus: document.activeElement?.id,
      story: document.activeElement?.closest(".story")?.id,
      typed: [...atHand()].filter((form) => form !== saved)
        .map((form) => [form.id, fieldsOf(form).map((field) => [field.value, began(field)])]),
      checked: [...document.querySelectorAll("#views input:checked")].map((input) => input.id),
    };
  }

  function giveBack() {
    if (!kept) return;
    const { refused, open, scrolled, typed, checked, focus, story } = kept;
    const top = kept.window;
    kept = null;
    for (const fold of folds()) {
      const was = open.get(nameFold(fold));
      if (was !== undefined) fold.open = was || (refused && fold.open);
    }
    for (const [id, values] of typed) fillAgain(document.getElementById(id), values);
    for (const id of checked) {
      const input = document.getElementById(id);
      if (input) input.checked = true;
    }
    for (const [id, at] of scrolled) document.getElementById(id).scrollTop = at;
    if (window.scrollY !== top) window.scrollTo(0, top);
    const hasFocus = document.activeElement && document.activeElement !== document.body;
    if (!hasFocus && focus) {
      const usable = document.getElementById(focus);
      const place = usable && !usable.disabled ? usable : document.getElementById(story)?.querySelector("summary");
      place?.focus({ preventScroll: true });
    }
    document.dispatchEvent(new CustomEvent("desk:shown"));
  }

  // What the editor typed stands in its field again. If somebody has saved other words meanwhile, both are shown.
  function fillAgain(form, values) {
    if (!form) return;
    fieldsOf(form).forEach((field, index) => {
      const [typed, from] = values[index] || [];
      if (typed === undefined) return;
      const theirs = began(field);
      field.value = typed;
      if (!same(theirs, from) && !same(theirs, typed)) showBoth(field, theirs);
    });
    for (let fold = form.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  }

  function showBoth(field, theirs) {
    field.parentElement.querySelector(".theirs")?.remove();
    const box = document.getElementById("theirs").content.firstElementChild.cloneNode(true);
    box.querySelector(".words").textContent = theirs;
    box.querySelector("[data-take]").addEventListener("click", () => {
      field.value = theirs;
      settle(field, box);
    });
    box.querySelector("[data-mine]").addEventListener("click", () => settle(field, box));
    field.after(box);
    field.defaultValue = theirs;
  }

  function settle(field, box) {
    box.remove();
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  window.desk.showBoth = showBoth;

  // A long issue's later stories are rows until they are opened; the server is told which are, and sends those whole.
  document.addEventListener("htmx:configRequest", (event) => {
    const open = [...panes.querySelectorAll("details.row[open]")].map((row) => row.id.slice("row-".length));
    event.detail.headers["X-Open"] = open.slice(0, 90).join(",");
  });
  async function openStory(id) {
    const row = document.getElementById("row-" + id);
    row.open = true;
    if (row.querySelector(".later")) await load(id);
  }
  const loads = new Map();
  function load(id) {
    if (!loads.has(id)) {
      const asked = htmx.ajax("GET", panes.dataset.issue + "?inside=" + id, { target: "#inside-" + id, swap: "innerHTML" });
      loads.set(id, asked.finally(() => loads.delete(id)));
    }
    return loads.get(id);
  }
  window.desk.openStory = openStory;
  document.addEventListener("toggle", (event) => {
    const row = event.target;
    if (row.matches?.("details.row[open]") && row.querySelector(".later")) load(row.id.slice("row-".length));
  }, true);

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.shouldSwap) keep(event.detail.requestConfig.elt, event.detail.xhr.status >= 400);
  });
  document.addEventListener("htmx:afterSwap", giveBack);
  document.addEventListener("htmx:afterRequest", giveBack);

  document.addEventListener("submit", () => { leaving = true; setTimeout(() => { leaving = false; }, 1000); }, true);
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && dirtyForms().length) event.preventDefault();
  });

  document.addEventListener("htmx:beforeRequest", () => complain(""));
  document.addEventListener("htmx:sendError", () => complain("Not saved: the server did not answer. Your text is still here; try again."));
  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    const isText = (answer.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    complain(isText ? answer.responseText
      : "Not saved (" + answer.status + "). Copy what you typed, reload the page and try again.");
  });

  // The panes of a phone: without script the address's #part shows one; with it a swap cannot lose which.
  function showPane() {
    let target = null;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { /* no such place */ }
    const pane = target?.closest(".pane");
    if (pane || !panes.dataset.pane) panes.dataset.pane = pane ? pane.id : panes.classList.contains("at-decision") ? "decision" : "stories";
    for (let fold = target?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target?.querySelector(":scope > details.row")?.setAttribute("open", "");
    if (target && target !== pane) target.scrollIntoView({ block: "nearest" });
    tellTabs();
  }
  function tellTabs() {
    for (const tab of document.querySelectorAll("#panetabs a")) {
      if (tab.hash === "#" + panes.dataset.pane) tab.setAttribute("aria-current", "true");
      else tab.removeAttribute("aria-current");
    }
  }
  window.addEventListener("hashchange", showPane);
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#']");
    if (link && link.hash === location.hash) showPane();
    const opens = event.target.closest?.("[data-opens]");
    if (opens) document.getElementById(opens.dataset.opens).showModal();
  });
  document.addEventListener("desk:shown", tellTabs);
  document.addEventListener("click", (event) => event.target.closest?.(".done")?.remove());
  showPane();
})();
