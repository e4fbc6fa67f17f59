// Searches as one types; the address says what is searched for, as it does without this.

import { address, one, refresh } from "./live.js";

const PAUSE = 250; // milliseconds without a key after which the search begins

let typing = null;

const search = () => {
  const said = [...new FormData(one("#search"))].filter(([, value]) => value);
  const query = new URLSearchParams(said).toString();
  history.replaceState(null, "", query ? `?${query}` : location.pathname);
  one("#triage [name=next]").value = address();
  refresh();
};

one("#q").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(search, PAUSE);
});
