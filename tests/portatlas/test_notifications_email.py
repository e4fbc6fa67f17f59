"""E-mail: one message for each address, by a deadline, and who has it if not all do."""

import socketserver
import threading
import time
from contextlib import contextmanager
from email import message_from_bytes

import pytest

from portatlas.notifications.channels import FailedError, Parcel, Target, email
from tests.conftest import NOON

PARCEL = Parcel("7c1d", "A subject", "What there is to say.\n", {})


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Whoever waited for too long has gone."""


def converse(answer, mails, lines, say):
    say(answer("") or "220 test")
    recipients = []
    while line := lines.readline().decode().strip():
        verb, said = line[:4].upper(), answer(line)
        if said is None:
            return
        if verb == "MAIL":
            recipients = []
        if verb == "RCPT" and not said:
            recipients.append(line[8:].strip("<>"))
        if verb == "DATA" and not said:
            say("354 go on")
            mails.append((recipients, message_from_bytes(b"".join(iter(lines.readline, b".\r\n")))))
        say(said or ("221 bye" if verb == "QUIT" else "250 ok"))
        if verb == "QUIT":
            return


@pytest.fixture
def mail_server(settings):
    """Return a context that serves mail on loopback, and yields (recipients, message) of each."""

    @contextmanager
    def mail_server(answer=lambda line: ""):
        """`answer` gives the reply to a command, "" for consent, None for hanging up."""
        mails = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                converse(answer, mails, self.rfile, self.say)

            def say(self, line):
                self.wfile.write(f"{line}\r\n".encode())

        with Server(("127.0.0.1", 0), Handler) as server:
            settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
            settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER = False, ""
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield mails
            finally:
                server.shutdown()
                thread.join()

    return mail_server


def send(addresses):
    """Return what is told of the failure, and whether it is final; None of none."""
    try:
        email.send(Target("email", addresses, ""), PARCEL, NOON)
    except FailedError as exc:
        return str(exc), exc.is_final
    return None


def test_recipients_do_not_see_each_other(mail_server):
    with mail_server() as mails:
        failure = send("a@example.org, b@example.org,a@example.org")

    assert failure is None
    assert [(to, mail["To"], mail["Cc"]) for to, mail in mails] == [
        (["a@example.org"], "a@example.org", None),
        (["b@example.org"], "b@example.org", None),
    ]
    assert {mail["Message-ID"] for _to, mail in mails} == {"<7c1d@portatlas>"}


def test_what_is_refused_for_some_is_told_and_not_sent_again(mail_server):
    replies = {
        "rcpt TO:<b@example.org>": "550 5.1.1 no such secret",
        "rcpt TO:<c@example.org>": "451 4.7.1 later",
    }
    with mail_server(lambda line: replies.get(line, "")) as mails:
        failure = send("a@example.org,b@example.org,c@example.org,d@example.org")

    told = (
        "Delivered to a@example.org, d@example.org. "
        "Refused for b@example.org (550), c@example.org (451)."
    )
    assert failure == (told, True)
    assert [to for to, _mail in mails] == [["a@example.org"], ["d@example.org"]]


def test_what_is_refused_for_all_is_tried_again(mail_server):
    with mail_server(lambda line: "451 later" if line.startswith("rcpt") else "") as mails:
        failure = send("a@example.org,b@example.org")

    assert failure == ("Refused for a@example.org (451), b@example.org (451).", False)
    assert mails == []


def test_who_has_it_is_told_when_the_connection_breaks(mail_server):
    with mail_server(lambda line: None if "b@example" in line else "") as mails:
        failure = send("a@example.org,b@example.org,c@example.org")

    told = (
        "Delivered to a@example.org. Not delivered to b@example.org, c@example.org. "
        "The mail server can't be reached: SMTPServerDisconnected."
    )
    assert failure == (told, True)
    assert len(mails) == 1


def test_a_slow_mail_server_is_left_at_the_deadline_of_all_addresses(mail_server, monkeypatch):
    monkeypatch.setattr(email, "ALTOGETHER", 1)
    go_on = threading.Event()

    def answer(line):
        if line.startswith("rcpt TO:<b"):
            go_on.wait(30)
        return ""

    with mail_server(answer) as mails:
        failure = send("a@example.org,b@example.org")
        go_on.set()

    told = (
        "Delivered to a@example.org. Not delivered to b@example.org. "
        "The mail server was not done within 1 s."
    )
    assert failure == (told, True)
    assert len(mails) == 1


def test_a_mail_server_that_greets_too_late_gets_nothing(mail_server, monkeypatch):
    monkeypatch.setattr(email, "ALTOGETHER", 0.1)

    def answer(line):
        if not line:
            time.sleep(0.2)
        return ""

    with mail_server(answer) as mails:
        failure = send("a@example.org")

    assert failure == ("The mail server was not done within 0.1 s.", False)
    assert mails == []


def test_a_mail_server_that_turns_away_is_told_by_its_number(mail_server):
    with mail_server(lambda line: "" if line else "554 go away, secret") as mails:
        failure = send("a@example.org")

    assert failure == ("The mail server answered 554.", False)
    assert mails == []
