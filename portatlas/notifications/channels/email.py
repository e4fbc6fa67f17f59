"""
A plain-text e-mail to each address of a channel, through the installation's mail server.

Each is a message of its own: nobody reads who else gets it. What some have got is not sent again
for the sake of the others: such a delivery is given up, and says who has it and who has not.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from portatlas.notifications.channels import SECONDS, FailedError, Parcel, Target
from portatlas.notifications.channels.deadline import Deadline

ALTOGETHER = 20  # seconds for all addresses


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    if not settings.EMAIL_HOST:
        raise FailedError("There is no mail server: set PORTATLAS_SMTP_HOST.", is_final=True)
    deadline = Deadline(ALTOGETHER)
    waiting = list(dict.fromkeys(filter(None, map(str.strip, target.address.split(",")))))
    arrived, refused, broken = [], [], ""
    try:
        with _connected(deadline) as server:
            while waiting:
                deadline.left()
                try:
                    server.send_messages([_message(parcel, waiting[0])])
                except smtplib.SMTPRecipientsRefused as exc:
                    ((code, _words),) = exc.recipients.values()
                    refused.append(f"{waiting[0]} ({code})")
                except smtplib.SMTPResponseException as exc:
                    refused.append(f"{waiting[0]} ({exc.smtp_code})")
                else:
                    arrived.append(waiting[0])
                del waiting[0]
    except (OSError, smtplib.SMTPException) as exc:
        broken = _reason(exc, deadline)
    if refused or waiting:
        told = [
            f"Delivered to {', '.join(arrived)}." if arrived else "",
            f"Refused for {', '.join(refused)}." if refused else "",
            f"Not delivered to {', '.join(waiting)}." if waiting and (arrived or refused) else "",
            broken,
        ]
        raise FailedError(" ".join(filter(None, told)), is_final=bool(arrived))


@contextmanager
def _connected(deadline: Deadline) -> Iterator[EmailBackend]:
    """Raises OSError or SMTPException."""
    server = EmailBackend(timeout=SECONDS)
    try:
        server.open()
        deadline.hold(server.connection.sock)
        yield server
    finally:
        server.close()
        deadline.release()


def _message(parcel: Parcel, address: str) -> EmailMessage:
    return EmailMessage(
        parcel.subject,
        parcel.text,
        to=[address],
        # The same at each attempt, so that a mailbox may know a message that comes twice.
        headers={"Message-ID": f"<{parcel.key}@portatlas>", "Auto-Submitted": "auto-generated"},
    )


def _reason(exc: Exception, deadline: Deadline) -> str:
    if deadline.is_over():
        return f"The mail server was not done within {ALTOGETHER} s."
    if isinstance(exc, smtplib.SMTPResponseException):
        return f"The mail server answered {exc.smtp_code}."
    told = getattr(exc, "strerror", None) or type(exc).__name__
    return f"The mail server can't be reached: {told}."
