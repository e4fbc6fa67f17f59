"""Where webhooks may lead."""

from ipaddress import ip_address

import pytest

from portatlas.notifications.channels.targets import RefusedError, is_allowed, parse

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.201",
    "::1",
    "fe80::1",
    "fc00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]
NOBODYS = [
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "ff02::1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "169.254.1.1",
    "169.254.170.2",
    "168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
    "::ffff:100.100.100.200",
    "64:ff9b::a83f:8110",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fe80::a9fe:a9fe%eth0",
]
PUBLIC = ["8.8.8.8", "168.63.129.17", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize(
    ("addresses", "or_private", "allowed"),
    [
        (PUBLIC, False, True),
        (PUBLIC, True, True),
        (PRIVATE, False, False),
        (PRIVATE, True, True),
        (NOBODYS, False, False),
        (NOBODYS, True, False),
    ],
)
def test_which_addresses_are_asked(addresses, or_private, allowed):
    told = {each: is_allowed(ip_address(each), allow_private=or_private) for each in addresses}

    assert told == dict.fromkeys(addresses, allowed)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://me:secret@example.org/",
        "http://me@example.org/",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "http://example.org/\x00",
        "http://exämple.org/",
        "http://[::1/",
    ],
)
def test_what_is_no_url_of_a_receiver_is_refused(url):
    with pytest.raises(RefusedError) as refused:
        parse(url)

    assert "secret" not in str(refused.value).replace("which is no secret", "")
