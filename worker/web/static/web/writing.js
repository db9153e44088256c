// Words being written are saved by themselves two seconds after the last key, without touching their field: the caret and
// the browser's own undo stay. Whoever saves other words meanwhile is told of, and both are shown.
(() => {
  "use strict";
  const PAUSE = 2000;
  const { began, complain, dirtyForms, fieldsOf, isDirty, showBoth } = window.desk;
  const issue = document.getElementById("panes").dataset.issue;
  const timers = new Map();
  let saving = null; // a promise while words are on their way

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
    while (saving) await saving;
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
      document.querySelectorAll("input[type=hidden][name=revision]").forEach((one) => { one.value = said.revision; });
      if (said.mark !== undefined) document.querySelectorAll("input[type=hidden][name=mark]").forEach((one) => { one.value = said.mark; });
      tell(form, "Saved at " + clock(said.saved_at));
      htmx.ajax("GET", issue + "?beside=" + form.dataset.autosave, { target: "#stories", swap: "none" });
    } else if (answer.status === 409 && again) {
      await compare(form, said.trouble);
    } else {
      tell(form, said.trouble || "Not saved by itself (" + answer.status + "). Press Save.");
    }
  }

  // The issue has moved on. If these words have not, they may be saved on top of it; else both are shown, and one chooses.
  async function compare(form, trouble) {
    const answer = await fetch(issue, { headers: { "HX-Request": "true" } }).catch(() => null);
    const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    const now = page?.getElementById(form.id);
    if (!now) {
      tell(form, trouble || "Not saved: this story is no longer in the issue. Your text is still here.");
      return;
    }
    const theirs = fieldsOf(now).map(began);
    const mine = fieldsOf(form);
    form.elements.namedItem("revision").value = now.elements.namedItem("revision").value;
    const changed = mine.filter((field, index) => theirs[index] !== began(field) && theirs[index] !== field.value);
    if (!changed.length) {
      await send(form, false);
      return;
    }
    mine.forEach((field, index) => { if (changed.includes(field)) showBoth(field, theirs[index]); });
    tell(form, "Not saved: somebody else saved other words meanwhile. Choose which stand.");
  }

  const clock = (at) => {
    const moment = new Date(at);
    return Number.isNaN(moment.getTime()) ? at : moment.toLocaleTimeString("en-GB");
  };

  // Whatever else is done goes on top of the words just written, never before them.
  document.addEventListener("htmx:confirm", (event) => {
    if (event.detail.verb === "get") return;
    const others = writable().filter((form) => form !== event.detail.elt);
    if (event.detail.elt.dataset?.autosave) clearTimeout(timers.get(event.detail.elt.id));
    if (!saving && !others.length) return;
    event.preventDefault();
    (async () => {
      for (const form of others) await save(form.id);
      while (saving) await saving;
      event.detail.issueRequest(true);
    })();
  });
  document.getElementById("decision").addEventListener("submit", (event) => {
    if (!saving && !writable().length) return;
    event.preventDefault();
    (async () => {
      for (const form of writable()) await save(form.id);
      complain("Your last words were saved just now. Look at the issue again, then decide.");
    })();
  });
})();
