"""From where an address can be reached, and what is left of hostile text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.addresses import Family, canonical, family_of, scope_of, split_zone
from collector.sweep import Scope
from collector.text import safe


@pytest.mark.parametrize(
    ("scope", "addresses"),
    [
        (Scope.LOOPBACK, "127.0.0.1 127.0.0.53 127.255.0.1 ::1 ::ffff:127.0.0.1 fe80::1%lo"),
        (Scope.LINK, "169.254.1.1 224.0.0.251 fe80::1 fe80::1%eth0 ff02::fb ff01::1"),
        (Scope.PRIVATE, "10.0.0.1 172.31.0.1 192.168.1.1 100.64.0.1 fd00::1 ::ffff:10.0.0.5"),
        (
            Scope.ANY,
            "0.0.0.0 :: * 8.8.8.8 172.32.0.1 100.128.0.1 2001:db8::1 239.1.1.1 ::ffff:8.8.8.8",
        ),
        (Scope.ANY, "localhost 127.0.0.1.example 127.0.0.01 [::1 256.1.1.1"),
    ],
)
def test_the_scope_goes_by_network(scope, addresses):
    """N7, N8, N9; what can't be read is reachable from anywhere, the safe side."""
    assert {each: scope_of(each, "") for each in addresses.split()} == dict.fromkeys(
        addresses.split(), scope
    )


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "*", "10.0.0.1", "8.8.8.8", "?"])
def test_whatever_is_bound_to_lo_is_loopback(address):
    """N5."""
    assert scope_of(address, "lo") is Scope.LOOPBACK
    assert scope_of(address, "lo0") is scope_of(address, "")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.53%lo", ("127.0.0.53", "lo")),
        ("[fe80::1]%eth0", ("fe80::1", "eth0")),
        ("[fe80::1%eth0]", ("fe80::1", "eth0")),
        ("[fe80::1]%a]b%c", ("fe80::1", "a]b%c")),
        ("[::]", ("::", "")),
        ("*%if7", ("*", "if7")),
        ("", ("", "")),
    ],
)
def test_a_zone_is_split_off_wherever_it_stands(text, parts):
    """N5, N6, N7."""
    assert split_zone(text) == parts


def test_an_address_has_one_spelling_and_a_mapped_one_stays_visible():
    """N8."""
    assert canonical("::FFFF:7f00:1") == "::ffff:127.0.0.1"
    assert canonical("FE80:0::1") == "fe80::1"
    assert canonical("\x1b[31m") == "\\x1b[31m"
    assert family_of("::ffff:10.0.0.5") is Family.V4


@given(st.text(), st.text())
def test_any_text_has_a_scope(address, device):
    assert scope_of(address, device) in Scope
    assert canonical(address).isprintable()


@given(st.one_of(st.binary(), st.text()), st.integers(2, 40))
def test_any_text_is_made_printable_and_capped(value, limit):
    """N25, N27."""
    text = safe(value, limit)

    assert text.isprintable()
    assert len(text) <= limit


def test_what_can_be_shown_is_shown_and_the_rest_can_be_seen():
    assert safe("жж 日本 é") == "жж 日本 é"
    assert safe("a\0b\n\udcff\u202e\ud800") == "a\\x00b\\n\\xff\\u202e\\ud800"
    assert safe("x" * 9, 5) == "xxxx…"
