// Keeps the board live: refresh it every few seconds, but never under somebody's hands.
"use strict";

const EVERY = 5000; // milliseconds

const isBusy = () =>
  document.hidden ||
  document.activeElement?.matches("input, textarea, select") ||
  !window.getSelection().isCollapsed;

setInterval(() => {
  const board = document.getElementById("board");
  if (board && !isBusy()) board.dispatchEvent(new Event("refresh"));
}, EVERY);

// The session has ended: the answer is the login page, so let the browser go there.
document.addEventListener("htmx:before:response", (event) => {
  if (!event.detail.ctx.response.raw.redirected) return;
  event.preventDefault();
  location.reload();
});

const tell = (text) => {
  const notice = document.getElementById("no-answer");
  notice.hidden = !text;
  notice.textContent = text;
};

for (const name of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(name, () => {
    const time = new Date().toLocaleTimeString();
    tell(`No answer from Port Atlas at ${time}: what is shown is older. Is it still up?`);
  });
}
document.addEventListener("htmx:after:swap", () => tell(""));

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  document.getElementById("q").focus();
});
