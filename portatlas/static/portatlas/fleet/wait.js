// Asks how far a host has got, until nothing is due any more.

const EVERY = 3000; // milliseconds
const told = document.querySelector("[data-sighting]");
let shown = null;

const ask = async () => {
  if (document.hidden) return;
  const answer = await fetch(told.dataset.sighting).catch(() => null);
  if (!answer?.ok || answer.redirected) return; // away, or logged out: what is shown stays
  const text = await answer.text();
  if (text !== shown && !told.contains(document.activeElement)) told.innerHTML = shown = text;
  if (told.querySelector("[data-over]")) clearInterval(asking);
};

const asking = told && !told.querySelector("[data-over]") ? setInterval(ask, EVERY) : null;
