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

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select")) return;
  event.preventDefault();
  document.getElementById("q").focus();
});
