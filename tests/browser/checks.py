"""What is asked of every page. Each check returns what is wrong in words, one finding a line."""

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WIDE, NARROW, HEIGHT = 1440, 360, 900  # pixels
LEAST = 24  # pixels in each direction of what one can click
GRAVE = {"serious", "critical"}

# Nothing of what is preloaded is asked for by a rule that is on, and loading it breaks our policy.
RUN_AXE = """([rules, parts]) =>
  axe.run(parts ? {include: parts.map((each) => [each])} : document, {
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

# A link within a sentence is as high as its line; a box with a label is as large as both.
TOO_SMALL = """(least) => {
  const isShown = (each) => each.checkVisibility({visibilityProperty: true})
    && !each.closest(".hidden, .skip");
  const isInSentence = (each) => {
    if (getComputedStyle(each).display !== "inline") return false;
    let block = each.parentElement;
    while (getComputedStyle(block).display === "inline") block = block.parentElement;
    const around = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    while (around.nextNode()) {
      const {parentElement: holder, data} = around.currentNode;
      if (/\\w/.test(data) && !holder.closest("a, button")) return true;
    }
    return false;
  };
  const area = (each) => (each.labels?.[0]?.contains(each) ? each.labels[0] : each)
    .getBoundingClientRect();
  const name = (each) => [each.localName, ...each.classList].join(".")
    + ` “${(each.textContent || each.ariaLabel || each.name || "").trim().slice(0, 30)}”`;
  return [...document.querySelectorAll("a[href], button, summary, input, select, textarea")]
    .filter((each) => isShown(each) && each.type !== "hidden" && !isInSentence(each))
    .map((each) => [each, area(each)])
    .filter(([, {width, height}]) => width && (width < least || height < least))
    .map(([each, {width, height}]) => `${name(each)} is ${width} x ${height}`);
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


def axe(page: Page, rules: list[str] | None = None, parts: list[str] | None = None) -> list[str]:
    """
    Return the serious and critical findings of axe: rule, element, and what to do.

    By all rules, and about the whole page, unless some rules or the selectors of some parts are
    given.
    """
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE_SCRIPT)
    return [
        f"{rule['impact']} {rule['id']}: {' '.join(map(str, node['target']))}: "
        + " ".join(node["failureSummary"].split())
        for rule in page.evaluate(RUN_AXE, [rules, parts])
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


def too_small(page: Page) -> list[str]:
    """Return what one can click that is smaller than 24 x 24 pixels (WCAG 2.2, 2.5.8)."""
    return sorted(set(page.evaluate(TOO_SMALL, LEAST)))


def layout_shift(page: Page) -> float:
    """Return the cumulative layout shift since the page began, without what input has caused."""
    return page.evaluate(SHIFTED)
