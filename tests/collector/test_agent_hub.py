"""The agent's client of a hub, and hubs that are none, or mean harm."""

import socket
import threading
import time
from contextlib import closing, suppress

import pytest

from collector.agent import hub as agent_hub
from collector.agent.answer import Answer, Then, understand
from collector.agent.hub import AddressError, Hub
from collector.agent.report import Report
from tests.collector.agents import TOKEN
from tests.collector.crowd import told_in
from tests.collector.hubs import Says, ScriptedHub, certify
from tests.collector.sweeps import listener, sweep
from tests.tools import require

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
        (200, b'{"outcome": ["recorded"]}', Then.TRY_AGAIN),
        (200, b"<html>Please log in to the wireless network</html>", Then.TRY_AGAIN),
        (200, b"[" * 100_000, Then.TRY_AGAIN),
        (200, b"[]", Then.TRY_AGAIN),
        (200, b"\xff", Then.TRY_AGAIN),
        (204, b"", Then.TRY_AGAIN),
        (301, b"", Then.TRY_AGAIN),
        (400, b'{"detail": "taken_at: It is missing."}', Then.DROP),
        (400, b"<html>The plain HTTP request was sent to HTTPS port</html>", Then.TRY_AGAIN),
        (401, b"", Then.BE_LET_IN),
        (403, b"", Then.BE_LET_IN),
        (404, b"", Then.TRY_AGAIN),
        (409, b"", Then.LATE),
        (412, b"", Then.SEND_WHOLE),
        (413, b"", Then.DROP),
        (415, b"", Then.TRY_AGAIN),
        (421, b'{"detail": "Not by this name."}', Then.TRY_AGAIN),
        (422, b'{"detail": "It is refused."}', Then.DROP),
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


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (404, "It answers 404, not as a hub does: is its address right?"),
        (502, "It answers 502."),
    ],
)
def test_what_does_not_answer_as_a_hub_makes_its_address_doubtful(status, why):
    assert understand(status, {}, b"<html></html>").why == why


def test_https_where_plain_http_is_spoken_is_told_so(token, hub):
    answer = Hub(hub.url.replace("http:", "https:"), token).post(WHOLE)

    assert answer.then is Then.TRY_AGAIN
    assert answer.why == "It can't be reached: it speaks no TLS there, as plain http:// does not."


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


def test_where_it_leads_brings_the_token_into_no_log_either(token, hub):
    hub.script = [Says(307, b"", {"Location": f"{hub.url}/?token={TOKEN}"})]

    answer = Hub(hub.url, token).post(WHOLE)

    assert answer.why.startswith(f"It leads on to {hub.url}/?token=..., where the token")


def test_what_is_no_answer_brings_the_token_into_no_log_either(token, raw):
    answer = Hub(raw(f"You are {TOKEN}\r\n\r\n".encode()), token).post(WHOLE)

    assert answer == Answer(Then.TRY_AGAIN, "It can't be reached: You are ....")


@pytest.mark.parametrize("path", ["/atlas", "/atlas/", "/atlas/api/v1/sweeps/"])
def test_a_hub_below_a_path_is_asked_there(token, hub, path):
    Hub(f"{hub.url}{path}", token).post(WHOLE)

    assert hub.told[0].path == "/atlas/api/v1/sweeps/"


def test_an_ipv6_address_without_a_port_has_the_usual_one():
    said = told_in(
        (require("unshare"), "--map-root-user", "--net"),
        """
import json, socket, subprocess, tempfile, threading
from pathlib import Path
from collector.agent.hub import Hub
from collector.agent.report import Body

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("::1", 80), family=socket.AF_INET6)
heard = []

def serve():
    connection, _ = server.accept()
    with connection:
        heard.append(connection.recv(1 << 16).decode())
        connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n{"outcome": "recorded"}')

thread = threading.Thread(target=serve, daemon=True)
thread.start()
with tempfile.NamedTemporaryFile("w") as token:
    token.write("word")
    token.flush()
    answer = Hub("http://[::1]", Path(token.name)).post(Body(b"{}", False, False))
host = [line for text in heard for line in text.splitlines() if line.startswith("Host:")]
print(json.dumps([answer.then.name, answer.why, *host]))
""",
    )

    assert said == ["GO_ON", "", "Host: [::1]"]


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

    assert answer == Answer(Then.TRY_AGAIN, "It can't be reached: no answer in time.")


def test_an_answer_that_comes_drop_by_drop_is_ended(token, monkeypatch):
    monkeypatch.setattr(agent_hub, "PATIENCE", 0.2)
    server = socket.create_server(("127.0.0.1", 0))
    drops, sent = 100, []

    def serve():
        connection, _ = server.accept()
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {drops}\r\n\r\n"
        with connection, suppress(OSError):  # the agent has had enough
            connection.recv(1 << 16)
            connection.sendall(head.encode())
            for number in range(drops):
                connection.sendall(b" ")
                sent.append(number)
                time.sleep(0.02)

    thread = threading.Thread(target=serve)
    thread.start()
    with closing(server):
        answer = Hub(f"http://127.0.0.1:{server.getsockname()[1]}", token).post(WHOLE)
        thread.join()

    assert answer == Answer(Then.TRY_AGAIN, "It can't be reached: no answer in time.")
    assert len(sent) < drops


def test_a_hub_whose_name_takes_too_long_to_look_up_is_given_up_without_a_trace(
    token, hub, monkeypatch
):
    """Whatever a thread does not catch is an error of the test."""
    look_up = socket.getaddrinfo

    def slow(*arguments, **options):  # no name server of ours could be asked
        time.sleep(0.4)
        return look_up(*arguments, **options)

    monkeypatch.setattr(agent_hub, "PATIENCE", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", slow)

    answer = Hub(hub.url, token).post(WHOLE)

    assert answer == Answer(Then.TRY_AGAIN, "It can't be reached: no answer in time.")
    assert hub.told == []


def test_a_hub_that_does_not_answer_at_one_of_its_addresses_is_asked_at_the_next():
    said = told_in(
        (require("unshare"), "--map-root-user", "--net", "--mount"),
        """
import json, socket, subprocess, tempfile, threading
from pathlib import Path
from collector.agent import hub
from collector.agent.report import Body

hub.PATIENCE = 1.5
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 80))
silent = socket.create_server(("::1", 80), family=socket.AF_INET6, backlog=0)
waiting = [socket.socket(socket.AF_INET6) for _ in range(3)]  # more than it lets wait
for each in waiting:
    each.setblocking(False)
    each.connect_ex(("::1", 80))

def serve():
    connection, _ = server.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n{"outcome": "recorded"}')

threading.Thread(target=serve, daemon=True).start()
with tempfile.NamedTemporaryFile("w") as hosts, tempfile.NamedTemporaryFile("w") as token:
    hosts.write("::1 atlas\\n127.0.0.1 atlas\\n")
    hosts.flush()
    subprocess.run(["mount", "--bind", hosts.name, "/etc/hosts"], check=True)
    token.write("word")
    token.flush()
    first = socket.getaddrinfo("atlas", 80)[0][4][0]
    answer = hub.Hub("http://atlas", Path(token.name)).post(Body(b"{}", False, False))
print(json.dumps([first, answer.then.name, answer.why]))
""",
    )

    assert said == ["::1", "GO_ON", ""]


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
        ("http://127.example.org", True),
        ("http://localhost", False),
        ("http://[::1]:8000", False),
    ],
)
def test_who_else_could_read_the_token_is_known(token, url, is_in_clear):
    assert Hub(url, token).is_in_clear is is_in_clear
