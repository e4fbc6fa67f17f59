"""What is asked of every page. Each check returns what is wrong in words, one finding a line."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WIDE, NARROW, HEIGHT = 1440, 360, 900  # pixels
SCHEMES = ("light", "dark")
GRAVE = {"serious", "critical"}

# Nothing of what is preloaded is asked for by a rule that is on, and loading it breaks our policy.
RUN_AXE = """() =>
  axe.run({resultTypes: ["violations"], preload: false}).then((results) => results.violations)
"""

COLOURS_ARRIVED = """() => new Promise((resolve) => requestAnimationFrame(() =>
  Promise.allSettled(document.getAnimations().map((each) => each.finished)).then(() => resolve())
))"""

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


def axe(page: Page) -> list[str]:
    """Return the serious and critical findings of axe: rule, element, and what to do."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{rule['impact']} {rule['id']}: {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for rule in page.evaluate(RUN_AXE)
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def axe_in_schemes(page: Page) -> list[str]:
    """Return what axe finds in the light and in the dark."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(COLOURS_ARRIVED)
        found += [f"{scheme}: {finding}" for finding in axe(page)]
    return found


def set_width(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})


def overflow(page: Page) -> list[str]:
    """Return the elements that make the page scroll sideways."""
    return page.evaluate(STICKING_OUT)


def layout_shift(page: Page) -> float:
    """Return the cumulative layout shift since the page began, without what input has caused."""
    return page.evaluate(SHIFTED)
