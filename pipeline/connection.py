"""How a Kafka cluster is reached, encrypted and authenticated."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaProblem(Exception):  # noqa: N818 -- a problem with its cure, not a Python error
    """Something about Kafka that a person has to mend.

    `reason` says what is wrong and where, `mend` what to do about it.
    """

    def __init__(self, reason: str, mend: str) -> None:
        super().__init__(f"{reason}\n  to mend: {mend}")
        self.reason = reason
        self.mend = mend


class BrokerUnavailable(KafkaProblem):
    """No broker could be started or reached."""


class _Secret(str):
    """A password that logs as stars: kafka-python writes its whole configuration at DEBUG."""

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class Connection:
    """How to reach a Kafka cluster. Raises ValueError where the fields do not fit together.

    `bootstrap_servers` is "HOST:PORT[,HOST:PORT...]"; the ssl_* fields are paths of PEM files.
    PLAIN over SASL_PLAINTEXT sends the password readable: use it on a trusted network only.
    """

    bootstrap_servers: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def __post_init__(self) -> None:
        _check_servers(self.bootstrap_servers)
        if self.security_protocol not in _PROTOCOLS:
            raise ValueError(
                f"security_protocol is {self.security_protocol!r}: "
                f"write one of {', '.join(_PROTOCOLS)}"
            )
        self._check_sasl()
        self._check_ssl()

    @property
    def uses_sasl(self) -> bool:
        """Whether the cluster asks for a user name and password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def uses_ssl(self) -> bool:
        """Whether the connection is encrypted."""
        return self.security_protocol.endswith("SSL")

    def _given(self, prefix: str) -> list[str]:
        return [
            name
            for name, value in vars(self).items()
            if name.startswith(prefix) and value is not None
        ]

    def _check_sasl(self) -> None:
        given = self._given("sasl_")
        if not self.uses_sasl:
            if given:
                raise ValueError(
                    f"{given[0]} is set but security_protocol is {self.security_protocol}: "
                    "write SASL_SSL (or SASL_PLAINTEXT), or remove it"
                )
            return
        if self.sasl_mechanism not in _MECHANISMS:
            raise ValueError(
                f"sasl_mechanism is {self.sasl_mechanism!r} with security_protocol "
                f"{self.security_protocol}: write one of {', '.join(_MECHANISMS)}"
            )
        if not self.sasl_username or not self.sasl_password:
            missing = "sasl_password" if self.sasl_username else "sasl_username"
            raise ValueError(f"{missing} is missing: {self.security_protocol} needs it")

    def _check_ssl(self) -> None:
        given = self._given("ssl_")
        if given and not self.uses_ssl:
            raise ValueError(
                f"{given[0]} is set but security_protocol is {self.security_protocol}: "
                "write SSL or SASL_SSL, or remove it"
            )
        if self.ssl_keyfile and not self.ssl_certfile:
            raise ValueError("ssl_keyfile is set without ssl_certfile: name the certificate too")

    def ssl_context(self) -> ssl.SSLContext | None:
        """A context that verifies the broker and its host name; None without encryption.

        Raises BrokerUnavailable for a certificate or key that cannot be read.
        """
        if not self.uses_ssl:
            return None
        step = f"ssl_cafile {self.ssl_cafile}"
        try:
            context = ssl.create_default_context(cafile=self.ssl_cafile)
            if self.ssl_certfile:
                step = f"ssl_certfile {self.ssl_certfile}, ssl_keyfile {self.ssl_keyfile}"
                # An empty password: OpenSSL would otherwise stop and ask on the terminal.
                context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile, password="")
        except OSError as error:  # ssl.SSLError is one
            raise BrokerUnavailable(
                f"{step} cannot be used: {error}", "name readable PEM files, the key unencrypted"
            ) from error
        return context

    def kafka_python(self) -> dict[str, Any]:
        """Keyword arguments for kafka-python's KafkaConsumer, KafkaProducer, KafkaAdminClient."""
        settings: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.uses_ssl:
            settings["ssl_context"] = self.ssl_context()
        if self.uses_sasl:
            settings["sasl_mechanism"] = self.sasl_mechanism
            settings["sasl_plain_username"] = self.sasl_username
            settings["sasl_plain_password"] = _Secret(self.sasl_password)
        return settings

    def aiokafka(self) -> dict[str, Any]:
        """Keyword arguments for aiokafka, without the servers."""
        settings = self.kafka_python()
        del settings["bootstrap_servers"]
        return settings


def _check_servers(servers: str) -> None:
    for server in servers.split(","):
        host, _, port = server.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise ValueError(
                f"bootstrap_servers is {servers!r}: write HOST:PORT, with commas between several"
            )
