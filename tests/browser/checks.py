"""What is asked of every page. Each check returns what is wrong in words, one finding a line."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WIDE, NARROW, HEIGHT = 1440, 360, 900  # pixels
GRAVE = {"serious", "critical"}

# Nothing of what is preloaded is asked for by a rule that is on, and loading it breaks our policy.
RUN_AXE = """(rules) =>
  axe.run({
    resultTypes: ["violations"],
    preload: false,
    ...(rules && {runOnly: {type: "rule", values: rules}}),
  }).then((results) => results.violations)
"""
COLOURS = ["color-contrast", "link-in-text-block"]  # the rules that judge by colour

# A colour that a part inherits may begin to move only when the one it comes from has arrived. Not
# awaited: within closed details no transition ever moves.
ARRIVE = """() => {
  for (let round = 0; round < 5; round++)
    for (const each of document.getAnimations()) each.finish();
}"""

STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const name = (each) => [each.localName, ...each.classList].join(".") + (each.id && `#${each.id}`);
  const end = (each) => Math.ceil(each.getBoundingClientRect().right);
  const clips = (each) => getComputedStyle(each).overflowX !== "visible";
  const isClipped = (each) =>
    each !== document.body && (clips(each) || isClipped(each.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((each) => end(each) > width && !isClipped(each.parentElement))
    .map((each) => `${name(each)} ends at ${end(each)}`);
}"""

SHIFTED = """() => new Promise((resolve) => {
  let score = 0;
  const add = (shifts) => {
    for (const shift of shifts) if (!shift.hadRecentInput) score += shift.value;
  };
  const observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({type: "layout-shift", buffered: true});
  // The second frame begins when the first one, and whatever shifted in it, is drawn.
  requestAnimationFrame(() => requestAnimationFrame(() => {
    add(observer.takeRecords());
    resolve(score);
  }));
})"""


def axe(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return the serious and critical findings of axe: rule, element, and what to do."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{rule['impact']} {rule['id']}: {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for rule in page.evaluate(RUN_AXE, rules)
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def axe_in_schemes(page: Page) -> list[str]:
    """Return what axe finds in the light, and what is wrong with the colours in the dark."""
    found = []
    for scheme, rules in (("light", None), ("dark", COLOURS)):
        page.emulate_media(color_scheme=scheme)
        page.evaluate(ARRIVE)
        found += [f"{scheme}: {finding}" for finding in axe(page, rules)]
    return found


def set_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})


def overflow(page: Page) -> list[str]:
    """Return the elements that make the page scroll sideways."""
    return page.evaluate(STICKING_OUT)


def layout_shift(page: Page) -> float:
    """Return the cumulative layout shift since the page began, without what input has caused."""
    return page.evaluate(SHIFTED)
