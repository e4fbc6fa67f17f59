// The keys of the board; `?` tells them.

import { all, one } from "./live.js";
import { leave } from "./triage.js";

const card = () => document.activeElement?.closest(".card");
const onCard = (selector) => card() && one(selector, card())?.click();

const go = (step) => {
  const links = all(".card__link");
  const here = card() ? links.indexOf(one(".card__link", card())) : -1;
  const last = links.length - 1;
  const next = here < 0 ? (step > 0 ? 0 : last) : Math.min(Math.max(here + step, 0), last);
  links[next]?.focus();
  links[next]?.closest(".card").scrollIntoView({ block: "nearest" });
};

const help = () => one("#help").showModal();

const KEYS = {
  "/": () => one("#q").focus(),
  j: () => go(1),
  k: () => go(-1),
  n: () => onCard(".card__edit"),
  x: () => onCard(".card__pick"),
  "?": help,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
  const { key, target } = event;
  if (key === "Escape" && target.closest(".card .editor")) leave(target.closest(".card"));
  else if (key === "Escape" && target.id === "q") target.blur();
  else if (!target.matches("input:not([type=checkbox]), textarea, select") && KEYS[key]) {
    event.preventDefault();
    KEYS[key]();
  }
});

one("#help-open").addEventListener("click", help);
