"""A port as people name it on the command line. Pure."""

import re
from dataclasses import dataclass
from typing import Self

from collector.sweep import HOST_ID

SHAPE = re.compile(
    rf"(?:(?P<host>{HOST_ID}|\*)?:)?(?P<port>[0-9]{{1,5}})(?:/(?P<protocol>tcp|udp))?"
)
FORMS = "8080, 8080/tcp, host:8080 or host:8080/udp"


@dataclass(frozen=True, slots=True)
class Target:
    """A port, and the host and the protocol if they are said."""

    port: int
    protocol: str = ""
    host_id: str = ""

    @classmethod
    def parse(cls, text: str, *, host_id: str = "", protocol: str = "") -> Self:
        """
        Read a port, with what options say of it besides.

        Raises ValueError with a sentence if it is none, or if the options contradict it.

        >>> Target.parse("atlas:8080/tcp")
        Target(port=8080, protocol='tcp', host_id='atlas')
        """
        found = SHAPE.fullmatch(text.strip())
        if not found or not 1 <= int(found["port"]) <= 65535:
            raise ValueError(f"{text[:60]!a} is no port: write it as {FORMS}, up to 65535.")
        for option, said, also in (
            ("--host", host_id, found["host"]),
            ("--protocol", protocol, found["protocol"]),
        ):
            if said and also and said != also:
                raise ValueError(f"{text[:60]!a} and {option} {said[:64]!a} contradict each other.")
        return cls(
            int(found["port"]), protocol or found["protocol"] or "", host_id or found["host"] or ""
        )

    @property
    def chosen(self) -> dict[str, str | int]:
        """What of the natural key is said, as a filter."""
        said: dict[str, str | int] = {
            "port": self.port,
            "protocol": self.protocol,
            "host_id": self.host_id,
        }
        return {name: value for name, value in said.items() if value}

    def __str__(self) -> str:
        name = f"{self.port}/{self.protocol}" if self.protocol else str(self.port)
        return f"{name} on {self.host_id}" if self.host_id else name
