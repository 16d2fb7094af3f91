"""Whether a Kafka cluster lets us in and, where it does not, why and what to mend.

kafka-python cannot say: it drops the broker's last answer when the connection closes with it, so a
wrong password is "socket disconnected" for as long as one waits. aiokafka says which it was.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest
from kafka.errors import KafkaError as ClientError

from pipeline.connection import BrokerUnavailable, Connection

_RETRY_S = 0.1
_ANSWER_S = 5.0
_CLOSE_S = 1.0


class _TlsWanted(Exception):  # noqa: N818 -- an answer, not a Python error
    """We came without encryption to a port that speaks TLS."""


# Trying again changes nothing: told at once. All else may be a cluster that is still starting.
_FINAL = (
    ssl.SSLCertVerificationError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
    _TlsWanted,
)


def await_reachable(connection: Connection, deadline: float) -> None:
    """Return once one server takes us as the client we say we are.

    Raises BrokerUnavailable where one refuses our security settings, or none has answered at
    `deadline` (time.monotonic).
    """
    settings = connection.aiokafka()
    failed: tuple[str, Exception] | None = None
    while failed is None or time.monotonic() < deadline:
        for server in connection.bootstrap_servers.split(","):
            wait_s = min(_ANSWER_S, max(0.001, deadline - time.monotonic()))
            error = asyncio.run(_ask(server, settings, wait_s))
            if error is None:
                return
            # An answer says more than silence, and the last try may have no time left for one.
            if not (failed and (isinstance(failed[1], _FINAL) or isinstance(error, TimeoutError))):
                failed = server, error
        if failed is not None and isinstance(failed[1], _FINAL):
            break
        time.sleep(_RETRY_S)  # nobody tells us when a server that is away comes back
    raise _told(connection, *failed)


@contextmanager
def served(connection: Connection, deadline: float) -> Iterator[None]:
    """Once a server takes us. What kafka-python then fails with is raised as BrokerUnavailable."""
    await_reachable(connection, deadline)
    try:
        yield
    except ClientError as error:
        raise BrokerUnavailable(
            f"Kafka at {connection.bootstrap_servers} ({connection.security_protocol}) does not "
            f"serve us: {error or type(error).__name__}",
            "start it, or mend the address, the security settings or the user's rights",
        ) from error


async def _ask(server: str, settings: dict[str, object], wait_s: float) -> Exception | None:
    """One round trip as this client; what went wrong."""
    name, _, number = server.rpartition(":")
    host, port = name.strip("[]"), int(number)
    client = AIOKafkaConnection(host, port, **settings)
    try:
        async with asyncio.timeout(wait_s):
            await client.connect()
            # Who still has to log in may ask for versions, but not for this.
            await client.send(MetadataRequest([]))
    except TimeoutError as error:
        await _close(client)
        return error
    except OSError as error:  # ssl.SSLError too; it never was connected
        return error
    except KafkaError as error:
        await _close(client)
        encrypted = "ssl_context" in settings
        return error if encrypted or not await _speaks_tls(host, port) else _TlsWanted()
    await _close(client)
    return None


async def _close(client: AIOKafkaConnection) -> None:
    """Until its socket is closed, or a little longer than that takes."""
    await asyncio.wait([client.close()], timeout=_CLOSE_S)


async def _speaks_tls(host: str, port: int) -> bool:
    """Whether a TLS client is answered there; nothing is sent, so it may be anybody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        async with asyncio.timeout(_CLOSE_S):
            await writer.wait_closed()
    return True


def _told(connection: Connection, server: str, error: Exception) -> BrokerUnavailable:
    """In words of [kafka] and of the command's options."""
    protocol = connection.security_protocol
    match error:
        case _TlsWanted():
            why = "speaks TLS only"
            with_tls = "SASL_SSL" if connection.uses_sasl else "SASL_SSL or SSL"
            mend = f"write security_protocol {with_tls}, with the ssl_* and sasl_* it needs"
        case ssl.SSLCertVerificationError():
            signers = connection.ssl_cafile or "the authorities that this machine trusts"
            why = f"has a certificate that does not pass with {signers}: {error.verify_message}"
            mend = (
                "name in ssl_cafile the PEM file of the authority that signed it, and in "
                "bootstrap_servers the host that it is made out to"
            )
        case SaslAuthenticationFailed():
            who = f"user {connection.sasl_username}"
            why = f"refuses {who} with this password ({connection.sasl_mechanism})"
            mend = (
                "correct sasl_username, or the password in the environment variable "
                "(GRIDALERT_SASL_PASSWORD, or the one that sasl_password_env names)"
            )
        case UnsupportedSaslMechanismError():
            why = f"does not take sasl_mechanism {connection.sasl_mechanism}"
            mend = "write the sasl_mechanism that its administrators named"
        case ConnectionResetError() | ssl.SSLError() | KafkaError():
            why = f"ends the connection: {error}"
            mend = (
                f"write the security_protocol of that port (it may not be {protocol}), with the "
                "ssl_* and sasl_* settings it needs"
            )
        case _:
            return _nobody(connection, server, error)
    return BrokerUnavailable(f"Kafka at {server} ({protocol}) {why}", mend)


def _nobody(connection: Connection, server: str, error: Exception) -> BrokerUnavailable:
    number = getattr(error, "errno", None) or 0
    # asyncio's own words for a refused connection do not say that it was refused.
    why = os.strerror(number) if number > 0 else str(error) or "no answer in time"
    return BrokerUnavailable(
        f"no Kafka answers at {connection.bootstrap_servers} "
        f"({connection.security_protocol}): {server}: {why}",
        "start it (`gridalert broker` runs a local one), or mend the address",
    )
