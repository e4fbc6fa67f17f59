"""A signed POST of JSON. What receivers may rely on is in the README."""

import hashlib
import hmac
import json
from datetime import datetime

from portatlas.notifications.channels import Parcel, Target
from portatlas.notifications.channels.http import post


def send(target: Target, parcel: Parcel, at: datetime) -> None:
    timestamp = str(int(at.timestamp()))
    document = {**parcel.document, "id": parcel.key}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "portatlas",
        "Idempotency-Key": parcel.key,
        "X-Atlas-Timestamp": timestamp,
        "X-Atlas-Signature": f"sha256={sign(target.secret, timestamp, body)}",
    }
    post(target.address, body, headers, allow_private=target.allow_private)


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of a timestamp, a full stop and a body, in hex."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
