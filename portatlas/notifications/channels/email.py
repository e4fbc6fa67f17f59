"""A plain-text e-mail to each address of a channel, through the installation's mail server."""

import smtplib
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from portatlas.notifications.channels import SECONDS, FailedError, Parcel, Target


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    if not settings.EMAIL_HOST:
        raise FailedError("There is no mail server: set PORTATLAS_SMTP_HOST.", is_final=True)
    message = EmailMessage(
        parcel.subject,
        parcel.text,
        to=[each.strip() for each in target.address.split(",") if each.strip()],
        # The same at each attempt, so that a mailbox may know a message that comes twice.
        headers={"Message-ID": f"<{parcel.key}@portatlas>", "Auto-Submitted": "auto-generated"},
        connection=get_connection(timeout=SECONDS),
    )
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused:
        raise FailedError("The mail server refused every address.") from None
    except smtplib.SMTPResponseException as exc:
        raise FailedError(f"The mail server answered {exc.smtp_code}.") from None
    except (OSError, smtplib.SMTPException) as exc:
        told = getattr(exc, "strerror", None) or type(exc).__name__
        raise FailedError(f"The mail server can't be reached: {told}.") from None
