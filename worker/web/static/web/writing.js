// Words being written are saved by themselves two seconds after the last key, without touching their field: the caret and
// the browser's own undo stay. Whoever saves other words meanwhile is told of, and both are shown.
(() => {
  "use strict";
  const PAUSE = 2000;
  const { began, complain, dirtyForms, fieldsOf, isDirty, same, showBoth } = window.desk;
  const issue = document.getElementById("panes").dataset.issue;
  const timers = new Map();
  let saving = null; // a promise while words are on their way
  let swaps = 0; // answers on their way that will replace what is on the page: none may be older than words just saved
  const pause = (time) => new Promise((done) => { setTimeout(done, time); });
  document.addEventListener("htmx:beforeSend", (event) => { if (event.detail.target.id === "stories") swaps += 1; });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.target?.id === "stories") swaps = Math.max(0, swaps - 1);
  });

  const tell = (form, words) => { const place = form.querySelector(".saved"); if (place) place.textContent = words; };
  const isTorn = (form) => form.querySelector(".theirs") !== null;
  const writable = () => dirtyForms().filter((form) => form.dataset.autosave && !isTorn(form));

  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-autosave]");
    if (!form) return;
    clearTimeout(timers.get(form.id));
    if (isTorn(form)) return;
    tell(form, isDirty(form) ? "Not saved yet" : "");
    timers.set(form.id, setTimeout(() => { save(form.id); }, PAUSE));
  });

  async function save(id) {
    while (saving || swaps) await (saving || pause(50));
    const form = document.getElementById(id);
    if (!form || !isDirty(form) || isTorn(form) || !form.checkValidity()) return;
    clearTimeout(timers.get(id));
    saving = send(form, true).finally(() => { saving = null; });
    await saving;
  }

  async function send(form, again) {
    const sent = fieldsOf(form).map((field) => field.value);
    const body = new FormData(form);
    body.set("auto", "1");
    tell(form, "Saving…");
    let answer;
    try {
      answer = await fetch(form.action, { method: "POST", body, headers: { "X-Autosave": "1" }, redirect: "manual" });
    } catch {
      tell(form, "Not saved: the server did not answer. Your text is still here.");
      return;
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok && said.revision) {
      fieldsOf(form).forEach((field, index) => { field.defaultValue = sent[index]; });
      goOn(form, said);
      tell(form, isDirty(form) ? "Not saved yet" : "Saved at " + new Date().toLocaleTimeString("en-GB"));
      htmx.ajax("GET", issue + "?beside=" + form.dataset.autosave, { target: "#stories", swap: "none" });
    } else if (said.theirs) {
      await compare(form, said, again);
    } else {
      tell(form, said.trouble || "Not saved by itself (" + answer.status + "). Press Save.");
    }
  }

  // The row's mark is what its next edit names. The page's revision goes along only if nobody else's change lies between.
  function goOn(form, { revision, mark }) {
    const shown = document.getElementById("shown");
    (form.closest(".story") || form).querySelectorAll("input[name=seen]").forEach((one) => { one.value = mark; });
    form.elements.namedItem("revision").value = revision;
    if (revision > Number(shown.dataset.revision) + 1) return;
    shown.dataset.revision = revision;
    document.querySelectorAll("input[type=hidden][name=revision]").forEach((one) => { one.value = revision; });
  }

  // If these words are as they were when one began, they may be saved on top; else both are shown, and one chooses.
  async function compare(form, said, again) {
    const fields = fieldsOf(form);
    const changed = fields.filter((field) => said.theirs[field.name] !== undefined
      && !same(said.theirs[field.name], began(field)) && !same(said.theirs[field.name], field.value));
    goOn(form, said);
    if (changed.length) {
      changed.forEach((field) => showBoth(field, said.theirs[field.name]));
      tell(form, "Not saved: somebody else saved other words meanwhile. Choose which stand.");
    } else if (again) {
      await send(form, false);
    } else {
      tell(form, said.trouble);
    }
  }

  // Whatever else is done goes on top of the words just written, never before them.
  document.addEventListener("htmx:confirm", (event) => {
    if (event.detail.verb === "get") return;
    const others = writable().filter((form) => form !== event.detail.elt);
    if (event.detail.elt.dataset?.autosave) clearTimeout(timers.get(event.detail.elt.id));
    if (!saving && !others.length) return;
    event.preventDefault();
    saveAll(others).then(() => event.detail.issueRequest(true));
  });
  async function saveAll(forms) {
    for (const form of forms) await save(form.id);
    while (saving) await saving;
  }
  document.getElementById("decision").addEventListener("submit", (event) => {
    if (!saving && !writable().length) return;
    event.preventDefault();
    saveAll(writable()).then(() => complain("Your last words were saved just now. Look at the issue again, then decide."));
  });

  // Who else is here, and what they have changed since this page was shown; asked for while somebody looks at it.
  const company = document.getElementById("company");
  async function ask() {
    if (document.hidden) return;
    const form = document.activeElement?.closest("form[data-autosave]");
    const doing = !form ? "" : form.dataset.autosave === "titles" ? "titles" : "story-" + form.dataset.autosave;
    const had = company.querySelector("[name=had]")?.value || "";
    const asked = new URLSearchParams({ revision: document.getElementById("shown").dataset.revision, doing, had });
    const answer = await fetch(company.dataset.asks + "?" + asked).catch(() => null);
    if (answer?.status === 200) company.innerHTML = await answer.text();
  }
  company.addEventListener("click", (event) => {
    const show = event.target.closest(".news a");
    if (!show) return;
    event.preventDefault();
    saveAll(writable()).then(() => htmx.ajax("GET", issue, { target: "#stories", swap: "innerHTML" })).then(ask);
  });
  document.addEventListener("visibilitychange", ask);
  setInterval(ask, 5000);
  ask();
})();
