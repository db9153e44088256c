// The issue pane: the chosen look is kept over edits, and a sentence that is pressed lights up, with the passage that
// bears it out, in the issue too. The frame is only ever told where to go: nothing can look into it.
(() => {
  "use strict";
  const form = document.getElementById("views");
  let lit = null; // { story, number }: the headline is 0, its sentences count from 1
  const shown = {};

  function wordsOf({ story, number }) {
    const sentence = document.querySelectorAll("#told-" + story + " summary[data-says]")[number - 1];
    return (sentence || document.getElementById("headline-" + story))?.dataset.says || "";
  }

  function show() {
    const of = document.querySelector("#proof-frame [data-of]")?.dataset.of;
    if (!of) return;
    const chosen = new FormData(form);
    const isText = chosen.get("view") === "text";
    const asked = new URLSearchParams({ of });
    for (const name of isText ? ["partners", "topics"] : ["dark", "images", "partners", "topics"]) {
      if (chosen.get(name)) asked.set(name, chosen.get(name));
    }
    const words = lit && !isText ? wordsOf(lit) : "";
    if (words) asked.set("mark", words);
    const name = isText ? "proof-text" : "proof-mail";
    const address = (isText ? form.dataset.text : form.getAttribute("action")) + "?" + asked + (words ? "#marked" : "");
    if (shown[name] === address) return;
    shown[name] = address;
    // replace: the looks of a proof are no steps for the Back button. The old one stays to be seen until the new one is there.
    document.querySelector("iframe[name=" + name + "]").contentWindow.location.replace(new URL(address, location.href));
  }

  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  form.querySelector(".without-script").hidden = true;
  document.addEventListener("desk:shown", () => { relight(); show(); });

  function relight() {
    document.querySelectorAll(".lit").forEach((one) => one.classList.remove("lit"));
    if (!lit) return;
    const sentence = document.querySelectorAll("#told-" + lit.story + " > .told > li")[lit.number - 1];
    (sentence || document.getElementById("story-" + lit.story))?.classList.add("lit");
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("#placed summary");
    const story = pressed?.closest(".story")?.id.slice("story-".length);
    if (!story) return;
    const sentences = [...document.querySelectorAll("#told-" + story + " summary[data-says]")];
    if (pressed.dataset.says) lit = { story, number: sentences.indexOf(pressed) + 1 };
    else if (pressed.id === "gist-" + story) lit = { story, number: 0 };
    else return;
    relight();
    show();
  });
})();
