// The issue page works without this. With it, text being typed elsewhere on the page survives a swap of the stories
// pane, leaving with unsaved text asks first, and an answer that cannot be swapped in is said in words.
(() => {
  "use strict";
  const FIELDS = "textarea, input:not([type=hidden])";
  let kept = [];
  let leaving = false;

  const isDirty = (form) => [...form.querySelectorAll(FIELDS)].some((field) => field.value !== field.defaultValue);
  const dirtyForms = () => [...document.querySelectorAll("form[data-keep]")].filter(isDirty);

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.shouldSwap) return;
    const saved = event.detail.requestConfig.elt;
    kept = dirtyForms()
      .filter((form) => form !== saved)
      .map((form) => [form.id, [...form.querySelectorAll(FIELDS)].map((field) => field.value)]);
  });

  document.addEventListener("htmx:afterSettle", () => {
    for (const [id, values] of kept) {
      const form = document.getElementById(id);
      if (!form) continue;
      form.querySelectorAll(FIELDS).forEach((field, index) => { field.value = values[index]; });
      form.closest("details").open = true;
    }
    kept = [];
  });

  document.addEventListener("submit", () => { leaving = true; setTimeout(() => { leaving = false; }, 1000); }, true);
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && dirtyForms().length) event.preventDefault();
  });

  const say = (words) => {
    const place = document.getElementById("trouble-live");
    place.textContent = words;
    place.hidden = !words;
    if (words) place.scrollIntoView({ block: "center" });
  };
  document.addEventListener("htmx:beforeRequest", () => say(""));
  document.addEventListener("htmx:sendError", () => say("Not saved: the server did not answer. Your text is still here; try again."));
  document.addEventListener("htmx:responseError", (event) => {
    const answer = event.detail.xhr;
    const isText = (answer.getResponseHeader("Content-Type") || "").startsWith("text/plain");
    say(isText ? answer.responseText
      : "Not saved (" + answer.status + "). Copy what you typed, reload the page and try again.");
  });
})();
