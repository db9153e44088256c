// Stories are put in order by drag and by key, and moved through by key; each has its form for the same without script.
(() => {
  "use strict";
  const pane = document.getElementById("stories");
  const list = () => [...pane.querySelectorAll("#placed > .story")];
  const current = () => document.activeElement?.closest("#placed > .story");
  const SWITCH = "desk-single-keys";
  let wanted = null; // { id, place }: where a story is on its way to
  let onItsWay = false; // whether that request was sent
  let asked = null; // the place that the request on its way asks for

  // ---- to a place ----
  function moveTo(story, place) {
    const last = list().length;
    wanted = { id: story.id, place: Math.min(Math.max(place, 1), last) };
    send();
  }
  function send() {
    const story = wanted && document.getElementById(wanted.id);
    if (asked !== null || !story) return;
    if (Number(story.dataset.place) === wanted.place) { wanted = null; return; }
    const form = story.querySelector("form[id^=move-]");
    if (!form) { wanted = null; return; }
    asked = wanted.place;
    form.querySelector("input[type=number]").value = asked;
    form.requestSubmit();
  }
  document.addEventListener("htmx:afterRequest", (event) => {
    if (asked === null || !event.detail.requestConfig.elt.id?.startsWith("move-")) return;
    const story = wanted && document.getElementById(wanted.id);
    asked = null;
    if (!event.detail.successful || !story) { wanted = null; return; }
    window.desk.say("Now in place " + story.dataset.place + " of " + list().length + ".");
    story.scrollIntoView({ block: "nearest" });
    send(); // keys pressed meanwhile
  });
  // One change at a time: what was asked while another was on its way was let go of, and is asked again.
  document.addEventListener("htmx:beforeSend", (event) => { onItsWay = event.detail.elt.id?.startsWith("move-") || false; });
  document.addEventListener("desk:shown", () => {
    if (asked === null || onItsWay) return;
    asked = null;
    send();
  });

  // ---- by drag: the handle follows fingers too, since it takes their gestures for itself ----
  let drag = null;
  pane.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".grip");
    if (!grip || event.button) return;
    event.preventDefault();
    grip.setPointerCapture(event.pointerId);
    drag = { story: grip.closest(".story"), place: null };
    drag.story.classList.add("dragged");
  });
  pane.addEventListener("pointermove", (event) => {
    if (!drag) return;
    clearMarks();
    const stories = list();
    const under = stories.find((one) => event.clientY < one.getBoundingClientRect().bottom) || stories.at(-1);
    const box = under.getBoundingClientRect();
    const after = event.clientY > box.top + box.height / 2;
    under.classList.add(after ? "drop-after" : "drop-before");
    const from = stories.indexOf(drag.story);
    const to = stories.indexOf(under) + (after ? 1 : 0);
    drag.place = (to > from ? to - 1 : to) + 1;
    const scroller = pane.scrollHeight > pane.clientHeight ? pane : document.scrollingElement;
    const edge = scroller === pane ? pane.getBoundingClientRect() : { top: 0, bottom: window.innerHeight };
    if (event.clientY < edge.top + 48) scroller.scrollTop -= 16;
    if (event.clientY > edge.bottom - 48) scroller.scrollTop += 16;
  });
  const clearMarks = () => list().forEach((one) => one.classList.remove("drop-before", "drop-after"));
  function endDrag(event) {
    if (!drag) return;
    const { story, place } = drag;
    drag = null;
    story.classList.remove("dragged");
    clearMarks();
    if (event.type === "pointerup" && place) moveTo(story, place);
  }
  for (const name of ["pointerup", "pointercancel"]) pane.addEventListener(name, endDrag);

  // ---- by key ----
  const single = document.getElementById("keys-on");
  try { single.checked = localStorage.getItem(SWITCH) !== "off"; } catch { /* no storage: they work */ }
  single.addEventListener("change", () => {
    try { localStorage.setItem(SWITCH, single.checked ? "on" : "off"); } catch { /* for this page only */ }
  });

  const focusOn = (story) => {
    story?.querySelector("summary").focus();
    story?.scrollIntoView({ block: "nearest" });
  };
  const step = (story, by) => focusOn(list()[list().indexOf(story) + by]);
  const whole = (story, id) => story.querySelector(".later") ? window.desk.openStory(id) : null;
  const press = (id) => document.getElementById(id)?.click();
  const ACTIONS = {
    j: (story) => step(story, 1), ArrowDown: (story) => step(story, 1),
    k: (story) => step(story, -1), ArrowUp: (story) => step(story, -1),
    e: async (story, id) => {
      await window.desk.openStory(id);
      const fold = document.getElementById("edit-" + id);
      if (fold) { fold.open = true; document.getElementById("s-" + id).focus(); }
    },
    d: async (story, id) => { after = list().indexOf(story); await whole(story, id); press("drop-" + id); },
    p: async (story, id) => { await whole(story, id); press("pin-" + id); },
    u: () => press("undo"),
    "?": () => document.getElementById("keys").showModal(),
  };
  let after = null; // the place of a story just dropped: the one that takes it gets the focus
  pane.addEventListener("keydown", (event) => {
    const story = current();
    if (!story || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.altKey) {
      if (!by) return;
      event.preventDefault();
      moveTo(story, (wanted?.id === story.id ? wanted.place : Number(story.dataset.place)) + by);
    } else if (single.checked && Object.hasOwn(ACTIONS, event.key)) {
      event.preventDefault();
      ACTIONS[event.key](story, story.id.slice("story-".length));
    }
  });
  document.addEventListener("desk:shown", () => {
    if (after === null) return;
    focusOn(list()[Math.min(after, list().length - 1)]);
    after = null;
  });

  // ---- the tray of what was left out ----
  pane.addEventListener("input", (event) => {
    if (event.target.id !== "sift") return;
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tray = document.getElementById("tray");
    if (tray && words.length) tray.open = true;
    for (const row of pane.querySelectorAll(".left-out li")) {
      const told = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => told.includes(word));
    }
  });
})();
