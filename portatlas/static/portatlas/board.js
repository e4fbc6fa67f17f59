// Keeps the board live, and lets people judge and write without leaving it. Each part works
// without this file too, as a page of its own.
"use strict";

const EVERY = 5000; // milliseconds between two refreshes
const PAUSE = 250; // milliseconds without a key after which the search begins

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

// Never refresh under somebody's hands: while he types, picks cards, or marks a text.
const isBusy = () =>
  document.hidden ||
  document.activeElement?.matches("input:not([type=checkbox]), textarea, select") ||
  one(".card .editor, .card__pick:checked, dialog[open]") ||
  !window.getSelection().isCollapsed;

const refresh = () => one("#board")?.dispatchEvent(new Event("refresh"));
setInterval(() => isBusy() || refresh(), EVERY);

// ---- What the server answers

let shown = null; // the ETag of the board on the screen

document.addEventListener("htmx:before:response", (event) => {
  const { response } = event.detail.ctx;
  // The session has ended: the answer is the login page, so let the browser go there.
  if (response.raw.redirected) {
    event.preventDefault();
    location.reload();
    return;
  }
  tellLastLook(response.headers.get("Last-Look"));
  const etag = response.headers.get("ETag");
  if (etag && etag === shown) event.preventDefault(); // the very same board
  shown = etag;
});

const tell = (text) => {
  const notice = one("#no-answer");
  notice.hidden = !text;
  notice.textContent = text;
};

const tellNoAnswer = () => {
  const time = new Date().toLocaleTimeString();
  tell(`No answer from Port Atlas at ${time}: what is shown is older. Is it still up?`);
};

for (const name of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(name, tellNoAnswer);
}
document.addEventListener("htmx:after:request", () => tell(""));

// ---- The time of the last look moves on by itself

let drift = 0; // milliseconds by which this machine's clock is ahead of the server's

const tellLastLook = (time) => {
  const element = one("#last-look");
  if (time && element) element.dateTime = time;
};

const tick = () => {
  const element = one("#last-look");
  if (!element) return;
  const seconds = Math.max(0, Math.floor((Date.now() - drift - Date.parse(element.dateTime)) / 1000));
  const [size, unit] = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]].find(([size]) => seconds >= size) ?? [1, "s"];
  element.textContent = `${Math.floor(seconds / size)} ${unit} ago`;
};
setInterval(tick, 1000);

// ---- Search as one types

let typing = null;

document.addEventListener("input", (event) => {
  if (event.target.id !== "q") return;
  clearTimeout(typing);
  typing = setTimeout(search, PAUSE);
});

const search = () => {
  const said = new FormData(one("#search"));
  const query = new URLSearchParams([...said].filter(([, value]) => value)).toString();
  const address = query ? `?${query}` : location.pathname;
  history.replaceState(null, "", address);
  const board = one("#board");
  board.setAttribute("hx-get", location.pathname + location.search);
  shown = null;
  htmx.ajax("GET", location.pathname + location.search, { target: "#board", swap: "outerMorph" });
};

// ---- Judge ports, and write notes in place

const send = (form, submitter) => {
  const body = new URLSearchParams(new FormData(form, submitter));
  const address = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  return fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } });
};

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const stays = form.id === "triage" && !submitter?.formAction.endsWith("/annotate/");
  if (!stays && !form.matches(".card .editor")) return;
  event.preventDefault();
  submitter?.setAttribute("aria-busy", "true");
  try {
    const answer = await send(form, submitter);
    if (answer.status === 204) {
      const link = form.closest(".card") && one(".card__link", form.closest(".card"));
      if (form.id === "triage") untick();
      else form.remove();
      document.activeElement?.blur();
      link?.focus();
      shown = null;
      refresh();
    } else if (form.id !== "triage" && [409, 422].includes(answer.status)) {
      place(form, await answer.text());
    } else if (answer.redirected) {
      location.reload();
    } else {
      tell(`That was not done: Port Atlas answered ${answer.status} ${answer.statusText}.`);
    }
  } catch {
    tellNoAnswer();
  } finally {
    submitter?.removeAttribute("aria-busy");
  }
});

// Put a form of the server, which escapes what others chose, into the place of another element.
const place = (element, html) => {
  const form = one("form", new DOMParser().parseFromString(html, "text/html"));
  element.replaceWith(form);
  (one("[aria-invalid]", form) ?? one("input:not([type=hidden])", form))?.focus();
};

const edit = async (link) => {
  const card = link.closest(".card");
  if (one(".editor", card)) return;
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" } });
  if (!answer.ok || answer.redirected) {
    location.assign(link.href);
    return;
  }
  const hole = card.appendChild(document.createElement("div"));
  place(hole, await answer.text());
};

const leave = (card) => {
  one(".editor", card)?.remove();
  one(".card__link", card).focus();
};

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a.card__edit, .card a.editor__cancel, [data-pick], #help-open");
  if (!link) return;
  event.preventDefault();
  if (link.matches(".card__edit")) edit(link);
  else if (link.matches(".editor__cancel")) leave(link.closest(".card"));
  else if (link.id === "help-open") one("#help").showModal();
  else tickAll(link.dataset.pick === "all");
});

// ---- Tick several cards

const count = () => {
  const picked = all(".card__pick:checked").length;
  const line = one("#picked");
  if (line) line.textContent = `${picked} ticked: they are`;
  for (const button of all("[data-pick]")) button.hidden = false;
};

const tickAll = (checked) => {
  for (const box of all(".card__pick")) box.checked = checked;
  count();
};
const untick = () => tickAll(false);

document.addEventListener("change", (event) => event.target.matches(".card__pick") && count());

// ---- Keys

const go = (step) => {
  const links = all(".card__link");
  const here = links.indexOf(document.activeElement?.closest(".card")?.querySelector(".card__link"));
  const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : here + step;
  links[Math.min(Math.max(next, 0), links.length - 1)]?.focus();
};

const onCard = (selector) => document.activeElement?.closest(".card")?.querySelector(selector)?.click();

const KEYS = {
  "/": () => one("#q").focus(),
  j: () => go(1),
  k: () => go(-1),
  n: () => onCard(".card__edit"),
  x: () => onCard(".card__pick"),
  "?": () => one("#help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  const editor = event.target.closest(".card .editor");
  if (event.key === "Escape" && editor) leave(editor.closest(".card"));
  else if (event.key === "Escape" && event.target.id === "q") event.target.blur();
  else if (!event.target.matches("input:not([type=checkbox]), textarea, select") && KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});

one("#help-open").hidden = false;
