"""The agent's client of a hub, and hubs that are none, or mean harm."""

import socket
import threading
from contextlib import closing

import pytest

from collector.agent import hub as agent_hub
from collector.agent.answer import Answer, Then, understand
from collector.agent.hub import AddressError, Hub
from collector.agent.report import Report
from tests.collector.agents import TOKEN
from tests.collector.hubs import Says, ScriptedHub, certify
from tests.collector.sweeps import listener, sweep

WHOLE = Report.of(sweep(listener(22))).whole()


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.touch(mode=0o600)
    path.write_text(TOKEN)
    return path


@pytest.fixture
def hub():
    hub = ScriptedHub()
    yield hub
    hub.close()


@pytest.fixture
def raw():
    """
    Return a function that opens a server, which says some bytes, and then others without end.

    If those are none, it waits for the other side to end it.
    """
    servers = []

    def raw(*said, endless=None):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve():
            try:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    for each in said:
                        connection.sendall(each)
                    while endless:
                        connection.sendall(endless)
                    while endless is not None and connection.recv(1 << 16):
                        pass
            except OSError:  # it was closed, by either side
                pass

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{server.getsockname()[1]}"

    yield raw
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("status", "body", "then"),
    [
        (200, b'{"outcome": "recorded", "digest": "ab"}', Then.GO_ON),
        (200, b'{"outcome": "unchanged"}', Then.GO_ON),
        (200, b'{"outcome": "repeated"}', Then.GO_ON),
        (200, b'{"outcome": "eaten"}', Then.TRY_AGAIN),
        (200, b"<html>Please log in to the wireless network</html>", Then.TRY_AGAIN),
        (200, b"[" * 100_000, Then.TRY_AGAIN),
        (200, b"[]", Then.TRY_AGAIN),
        (200, b"\xff", Then.TRY_AGAIN),
        (204, b"", Then.TRY_AGAIN),
        (301, b"", Then.TRY_AGAIN),
        (400, b"", Then.DROP),
        (401, b"", Then.BE_LET_IN),
        (403, b"", Then.BE_LET_IN),
        (404, b"", Then.TRY_AGAIN),
        (409, b"", Then.LATE),
        (412, b"", Then.SEND_WHOLE),
        (413, b"", Then.DROP),
        (415, b"", Then.TRY_AGAIN),
        (422, b"", Then.DROP),
        (429, b"", Then.TRY_AGAIN),
        (500, b"", Then.TRY_AGAIN),
        (503, b"", Then.TRY_AGAIN),
    ],
)
def test_what_follows_from_an_answer(status, body, then):
    assert understand(status, {}, body).then is then


@pytest.mark.parametrize(
    ("said", "digest"),
    [('"0af1"', "0af1"), ('""', ""), ("null", ""), ("7", ""), ('"../x"', ""), ('"0AF1"', "")],
)
def test_only_a_digest_is_sent_back_as_one(said, digest):
    body = b'{"outcome": "recorded", "verdict": "complete", "digest": %s}' % said.encode()

    assert understand(200, {}, body) == Answer(Then.GO_ON, digest=digest)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 7 ", 7), ("-7", 0), ("1e9", 0), ("soon", 0), ("9" * 99, 0), ("", 0)],
)
def test_how_long_a_hub_asks_to_be_left_alone(header, seconds):
    assert understand(503, {"Retry-After": header}, b"").retry_after == seconds


def test_what_a_hub_says_stays_in_one_line_of_printable_text():
    answer = understand(400, {}, b'{"detail": "a\\n\\u001b[31mb\\u0000"}')

    assert answer.why == r"It answers 400: a\n\x1b[31mb\x00"


def test_a_redirect_is_not_followed(token, hub):
    elsewhere = ScriptedHub()
    with closing(elsewhere):
        hub.script = [Says(307, b"", {"Location": f"{elsewhere.url}/api/v1/sweeps/"})]

        answer = Hub(hub.url, token).post(WHOLE)

    assert elsewhere.told == []
    assert answer.then is Then.TRY_AGAIN
    assert answer.why.startswith(f"It leads on to {elsewhere.url}/api/v1/sweeps/, where the token")


def test_a_hub_that_repeats_the_token_brings_it_into_no_log(token, hub):
    hub.script = [Says(400, {"detail": f"What is {TOKEN}?"})]

    answer = Hub(hub.url, token).post(WHOLE)

    assert answer == Answer(Then.DROP, "It answers 400: What is ...?")


def test_a_hub_below_a_path_is_asked_there(token, hub):
    Hub(f"{hub.url}/atlas/", token).post(WHOLE)

    assert hub.told[0].path == "/atlas/api/v1/sweeps/"


@pytest.mark.parametrize(
    "said",
    [
        [b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 100_000],
        [b"SSH-2.0-OpenSSH_9.2\r\n"],
        [b""],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
        [b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 200],
        [b"HTTP/1.1 200 " + b"x" * 100_000],
    ],
)
def test_what_is_no_answer_is_as_if_nobody_were_there(token, raw, said):
    answer = Hub(raw(*said), token).post(WHOLE)

    assert answer.then is Then.TRY_AGAIN


@pytest.mark.parametrize(
    ("said", "endless"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b""),
    ],
)
def test_an_answer_that_never_ends_is_ended(token, raw, monkeypatch, said, endless):
    monkeypatch.setattr(agent_hub, "PATIENCE", 0.2)

    answer = Hub(raw(said, endless=endless), token).post(WHOLE)

    assert answer == Answer(Then.TRY_AGAIN, "It can't be reached: no answer within 0.2 s.")


def test_a_hub_is_believed_by_its_certificate(token, tmp_path):
    certificate, wrap = certify(tmp_path)
    hub = ScriptedHub(wrap=wrap)

    with closing(hub):
        stranger = Hub(hub.url, token).post(WHOLE)
        known = Hub(hub.url, token, certificate).post(WHOLE)

    assert stranger.then is Then.TRY_AGAIN
    assert "its certificate is not trusted (self" in stranger.why
    assert known.then is Then.GO_ON
    assert len(hub.told) == 1


def test_a_certificate_is_believed_for_its_own_address_alone(token, tmp_path):
    certificate, wrap = certify(tmp_path)
    hub = ScriptedHub(wrap=wrap)

    with closing(hub):
        answer = Hub(f"https://localhost:{hub.port}", token, certificate).post(WHOLE)

    assert "Hostname mismatch" in answer.why
    assert hub.told == []


@pytest.mark.parametrize(
    "text", ["two words", "", "\n", "caf\u00e9", "a" * 513, "a\r\nX-Evil: 1", "\x00"]
)
def test_what_is_no_token_is_not_sent(token, hub, text):
    token.write_text(text)

    answer = Hub(hub.url, token).post(WHOLE)

    assert answer.then is Then.BE_LET_IN
    assert answer.why == f"The token file {token} holds no token: one word in one line."
    assert hub.told == []


@pytest.mark.parametrize(
    "url",
    [
        "atlas.example.org",
        "ftp://atlas.example.org",
        "https://",
        "https://user:word@atlas.example.org",
        "https://atlas.example.org/?a=b",
        "https://atlas.example.org/#a",
        "https://atlas.example.org:port/",
        "https://atlas.example.org:99999/",
        "https://atlas example.org/",
        "https://atlas.example.org/\nX",
        "https://[::1/",
    ],
)
def test_what_is_no_address_is_refused(token, url):
    with pytest.raises(AddressError, match="is no address"):
        Hub(url, token)


def test_a_file_without_certificates_is_refused(token):
    with pytest.raises(AddressError, match="can't be read as certificates"):
        Hub("https://atlas.example.org", token, token)


@pytest.mark.parametrize(
    ("url", "is_in_clear"),
    [
        ("http://atlas.example.org", True),
        ("https://atlas.example.org", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost", False),
        ("http://[::1]:8000", False),
    ],
)
def test_who_else_could_read_the_token_is_known(token, url, is_in_clear):
    assert Hub(url, token).is_in_clear is is_in_clear
