"""
A message to a topic of ntfy, published as JSON: its headers would have to be Latin-1.

Nothing in it is Markdown, which ntfy has to be asked for.
"""

import json
from datetime import datetime

from portatlas.notifications.channels import FailedError, Parcel, Target
from portatlas.notifications.channels.http import post

LONGEST = 3_900  # bytes; above 4,096 ntfy makes a file of a message


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    server, _slash, topic = target.address.rstrip("/").rpartition("/")
    if not topic or server.endswith(":/"):
        raise FailedError("The address names no topic: https://ntfy.sh/my-topic.", is_final=True)
    document = {
        "topic": topic,
        "title": parcel.subject,
        "message": _cut(parcel.text),
        "priority": target.priority,
        "tags": list(target.tags),
    }
    if url := parcel.document.get("url"):
        document["click"] = url
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "portatlas",
        "Idempotency-Key": parcel.key,
    }
    if target.secret:
        headers["Authorization"] = f"Bearer {target.secret}"
    body = json.dumps(document).encode()
    post(f"{server}/", body, headers, allow_private=target.allow_private)


def _cut(text: str) -> str:
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= LONGEST else f"{raw[:LONGEST].decode('utf-8', 'ignore')}\n..."
