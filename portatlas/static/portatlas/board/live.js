// Keeps the board live: refreshes it, but never under somebody's hands, and tells how old it is.

const TYPING = 3000; // milliseconds after a key in which somebody may go on typing
const READING = 12000; // milliseconds for which a message stays

export const one = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];
export const address = () => location.pathname + location.search;

let lastKey = -TYPING;
document.addEventListener("input", () => (lastKey = performance.now()));

const isBusy = () =>
  document.hidden ||
  performance.now() - lastKey < TYPING ||
  one(".card .editor, .card__pick:checked, dialog[open]") ||
  !window.getSelection().isCollapsed;

// Ask for the board that the address names, and put it in the place of the one on the screen.
export const refresh = () => htmx.ajax("GET", address(), { target: "#board", swap: "outerMorph" });
const keepFresh = () => {
  isBusy() || refresh();
  setTimeout(keepFresh, one("#board").dataset.every);
};
setTimeout(keepFresh, one("#board").dataset.every);
document.addEventListener("visibilitychange", () => isBusy() || refresh());

// ---- What the server answers

let shown = null; // the ETag of the board on the screen
let drift = 0; // milliseconds by which this machine's clock is ahead of the server's

document.addEventListener("htmx:before:response", (event) => {
  const { headers, raw } = event.detail.ctx.response;
  // The session has ended: the answer is the login page, so let the browser go there.
  if (raw.redirected) {
    event.preventDefault();
    if (!one(".card .editor")) location.reload();
    return;
  }
  if (isSilent) complain("");
  isSilent = false;
  const asked = new URL(raw.url);
  const etag = headers.get("ETag");
  const isLate = asked.pathname + asked.search !== address(); // somebody typed on
  if (isLate || (etag && etag === shown)) event.preventDefault();
  if (isLate) return;
  shown = etag;
  drift = Date.now() - Date.parse(headers.get("Date")) || 0;
  const lastLook = one("#last-look");
  if (lastLook) lastLook.dateTime = headers.get("Last-Look") ?? lastLook.dateTime;
});

// ---- What somebody is writing, and where he is, outlasts a refresh

let kept = [];
let focused = null;

document.addEventListener("htmx:before:swap", () => {
  const active = document.activeElement;
  const label = active?.getAttribute("aria-label");
  focused = { card: active?.closest(".card")?.id, label, active };
  kept = all(".card .editor").map((editor) => [editor.closest(".card").id, editor]);
  for (const [, editor] of kept) editor.remove();
});

document.addEventListener("htmx:after:swap", () => {
  for (const [id, editor] of kept) (document.getElementById(id) ?? one("#told")).append(editor);
  kept = [];
  if (focused?.card && document.activeElement !== focused.active) {
    const card = document.getElementById(focused.card);
    const same = focused.active.isConnected && focused.active;
    const alike = card && focused.label && one(`[aria-label="${CSS.escape(focused.label)}"]`, card);
    (same || alike || (card && one(".card__link", card)))?.focus({ preventScroll: true });
  }
  focused = null;
  takeMessages();
});

// ---- Messages stay where a screen reader hears of them, for as long as one reads

const takeMessages = () => {
  const fresh = all("#board .message");
  if (fresh.length) for (const old of all("#told .message")) old.remove();
  for (const message of fresh) {
    one("#told").append(message);
    message.addEventListener("click", () => message.remove());
    setTimeout(() => message.remove(), READING);
  }
};
takeMessages();

export const complain = (text) => {
  const notice = one("#no-answer");
  notice.hidden = !text;
  notice.textContent = text;
};

let isSilent = false; // whether the last request got no answer

export const complainOfSilence = () => {
  isSilent = true;
  const time = new Date().toLocaleTimeString();
  complain(`No answer from Port Atlas at ${time}: what is shown is older. Is it still up?`);
};

for (const name of ["htmx:error", "htmx:response:error"]) {
  document.addEventListener(name, complainOfSilence);
}

// ---- The time of the last look moves on by itself

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

setInterval(() => {
  const element = one("#last-look");
  if (!element) return;
  const passed = Date.now() - drift - Date.parse(element.dateTime);
  const seconds = Math.max(0, Math.floor(passed / 1000));
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
  element.textContent = `${Math.floor(seconds / size)} ${unit} ago`;
}, 1000);
