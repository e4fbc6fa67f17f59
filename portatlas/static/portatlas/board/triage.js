// Judges ports and writes notes without leaving the board. Without this each is a page of its own.

import { all, complain, complainOfSilence, one, refresh } from "./live.js";

const LOGGED_OUT = "You are logged out, and nothing was saved. Log in in another tab, then try again.";

const send = (form, submitter) => {
  const body = new URLSearchParams(new FormData(form, submitter));
  // Whoever has logged in anew has another token than his page, so the newest one speaks.
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1];
  if (token) body.set("csrfmiddlewaretoken", token);
  const to = submitter?.getAttribute("formaction") ?? form.getAttribute("action");
  return fetch(to, { method: "POST", body, headers: { "HX-Request": "true" } });
};

document.addEventListener("submit", async (event) => {
  const { target: form, submitter } = event;
  const isEditor = form.matches(".card .editor");
  const isTriage = form.id === "triage" && !submitter?.matches("[data-page]");
  if (!isEditor && !isTriage) return;
  event.preventDefault();
  submitter?.setAttribute("aria-busy", "true");
  try {
    const answer = await send(form, submitter);
    if (answer.redirected) {
      answer.body?.cancel(); // the page to log in, which nobody reads
      complain(LOGGED_OUT);
    } else if (answer.status === 204) done(form, submitter);
    else if (isEditor && [409, 422].includes(answer.status)) place(form, await answer.text());
    else complain(`That was not done: Port Atlas answered ${answer.status} ${answer.statusText}.`);
  } catch {
    complainOfSilence();
  } finally {
    submitter?.removeAttribute("aria-busy");
  }
});

const done = (form, submitter) => {
  complain("");
  if (form.matches(".editor")) leave(form.closest(".card"));
  if (submitter?.closest(".bulk")) tick("none");
  refresh();
};

// Put a form of the server, which escapes what others chose, into the place of another element.
const place = (element, html) => {
  const form = one("form", new DOMParser().parseFromString(html, "text/html"));
  element.replaceWith(form);
  const wrong = one(".errorlist", form);
  wrong?.setAttribute("tabindex", "-1");
  (wrong ?? one("input:not([type=hidden])", form)).focus();
  form.scrollIntoView({ block: "nearest" });
};

const edit = async (link) => {
  const card = link.closest(".card");
  const open = one(".editor", card);
  if (open) {
    one("input:not([type=hidden])", open).focus();
    return;
  }
  link.setAttribute("aria-busy", "true");
  const answer = await fetch(link.href, { headers: { "HX-Request": "true" } }).catch(() => null);
  link.removeAttribute("aria-busy");
  if (!answer) complainOfSilence();
  else if (!answer.ok || answer.redirected) location.assign(link.href);
  else if (!one(".editor", card)) place(card.appendChild(document.createElement("div")), await answer.text());
};

export const leave = (card) => {
  one(".editor", card)?.remove();
  one(".card__link", card).focus();
};

// ---- Tick several cards

const tick = (which) => {
  for (const box of all(".card__pick")) {
    box.checked = which === "all" || (which === "unnoted" && box.closest(".card--unnoted") !== null);
  }
  count();
};

const count = () => {
  const line = one("#picked");
  if (line) line.textContent = `${all(".card__pick:checked").length} ticked: they are`;
  for (const button of all("[data-pick]")) button.hidden = false;
};

document.addEventListener("change", (event) => event.target.matches(".card__pick") && count());

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const target = event.target.closest("a.card__edit, .card a.editor__cancel, [data-pick]");
  if (!target) return;
  event.preventDefault();
  if (target.matches(".card__edit")) edit(target);
  else if (target.matches(".editor__cancel")) leave(target.closest(".card"));
  else tick(target.dataset.pick);
});
