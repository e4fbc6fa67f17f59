"""
Markdown for the description of a note: a safe, small part of it.

No HTML, no image (it would load from elsewhere), no style (the Content-Security-Policy would
refuse it), no link but to http, https, mail and within this site. References (`[a]: /url`) are
no part of it either: each use repeats the whole address, so that a short note could become a
page of megabytes.
"""

import re
from functools import cache

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

LIMIT = 20_000  # characters of a text; beyond, it is cut and says so
DEPTH = 13  # six lists in each other, or twelve quotes; each looks at every line again
CELLS = 5_000  # of all tables; the parser fills up short rows, to 65,536 cells in each table
LOWER = 2  # levels of headings: a page has its h1, and an h2 above the note
REL = "noopener noreferrer nofollow"

# One of these schemes or none, which is told by what comes before the first of : / ? #
ADDRESS = re.compile(r"(?i:https?:|mailto:|(?![^/?#]*:))[^\x00-\x20\x7f-\x9f\\]*").fullmatch


def render(text: str) -> SafeString:
    """
    Return a text as HTML that is safe to put below an h2. Never raises.

    Its headings begin at h3; cells of a table may have the classes `align-left`,
    `align-center` and `align-right`; an image is shown as a link to it.
    """
    html = _html(text[:LIMIT])
    if len(text) <= LIMIT:
        return html
    return format_html("{}<p>… The rest is cut: {} characters are shown.</p>\n", html, LIMIT)


def _html(text: str) -> SafeString:
    parser = _parser()
    env: dict = {}
    tokens = parser.parse(text, env)
    if any(_is_too_deep(token) for token in tokens):
        # The parser drops what lies deeper without a word. Nothing of a note gets lost here.
        return format_html("<pre>{}</pre>\n", text)
    return mark_safe(parser.renderer.render(tokens, parser.options, env))  # noqa: S308  # it escapes


@cache
def _parser():
    # Seven megabytes, which a worker that shows no note need not have.
    from markdown_it import MarkdownIt  # noqa: PLC0415  # see above
    from markdown_it.rules_block import table  # noqa: PLC0415  # see above

    def bounded_table(state, start: int, end: int, silent: bool) -> bool:
        """Read a table as far as the text has cells left; what follows is no table."""
        left = state.env.setdefault("cells", CELLS)
        columns = state.src.count("|", state.bMarks[start], state.eMarks[start]) + 1
        rows = left // columns
        if not rows or not table(state, start, min(end, start + 2 + rows), silent):
            return False
        if not silent:
            state.env["cells"] -= columns * (state.line - start)
        return True

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": DEPTH})
    parser.enable(["table", "strikethrough"])
    parser.disable(["html_block", "html_inline", "image", "reference"])
    parser.validateLink = lambda address: ADDRESS(address) is not None
    parser.block.ruler.at("table", bounded_table, {"alt": ["paragraph"]})
    # Before the texts are joined, an exclamation mark that was escaped can be told apart.
    parser.core.ruler.before("text_join", "fit_the_page", _fit_the_page)
    return parser


def _is_too_deep(token) -> bool:
    return token.level >= DEPTH - 1 and token.type in {"blockquote_open", "list_item_open"}


def _fit_the_page(state) -> None:
    """Lower the headings and turn styles into classes; see to the links."""
    for token in state.tokens:
        token.info = ""  # the language of a code block would be a class that means nothing here
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1:]) + LOWER, 6)}"
        if alignment := token.attrs.pop("style", ""):
            token.attrs["class"] = alignment.replace("text-align:", "align-")
        if token.children:
            _fit_links(token.children)


def _fit_links(tokens: list) -> None:
    """Give each link its `rel` and something to read, and take the mark from an image."""
    end = 0
    # From the end, so that a text that is put in moves nothing that is still to come.
    for number in reversed(range(len(tokens))):
        token = tokens[number]
        if token.type == "link_close":
            end = number
        if token.type != "link_open":
            continue
        token.attrs["rel"] = REL
        if not any(each.content.strip() for each in tokens[number + 1 : end]):
            address = {"type": "text", "tag": "", "nesting": 0, "content": token.attrs["href"]}
            tokens.insert(number + 1, token.copy(**address))
        if number and tokens[number - 1].type == "text":
            tokens[number - 1].content = tokens[number - 1].content.removesuffix("!")
