"""A real Kafka that takes clients over TLS with a password only, and an authority that signed it."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.broker import _free_port
from pipeline.child import Child
from pipeline.connection import BrokerUnavailable, Connection
from pipeline.jars import DEPLOY, find_java, resolve_jars
from pipeline.topics import admin_client

HOST = "127.0.0.1"
USER = "grid"
PASSWORD = "geh=im;7'ü"
MECHANISM = "SCRAM-SHA-512"
READY_S = 60.0
STORE = "secure.p12"
STORE_PASSWORD = "changeit"
# Duplicates win in a properties file: this follows the local broker's own settings.
SECURITY = """
listeners=SASL_SSL://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=SASL_SSL://{host}:{port}
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.\
ScramLoginModule required username="broker" password="between-brokers";
ssl.keystore.type=PKCS12
ssl.keystore.location={store}
ssl.keystore.password={store_password}
ssl.key.password={store_password}
ssl.truststore.type=PEM
ssl.truststore.location={cafile}
"""


@dataclass(frozen=True)
class SecureKafka:
    """A cluster that serves: its address, who signed it, and somebody who did not."""

    bootstrap: str
    cafile: Path
    wrong_cafile: Path

    @property
    def connection(self) -> Connection:
        """The right one."""
        return Connection(
            self.bootstrap, "SASL_SSL", MECHANISM, USER, PASSWORD, ssl_cafile=str(self.cafile)
        )


@contextmanager
def secure_kafka(folder: Path) -> Iterator[SecureKafka]:
    """Serves inside the block."""
    port = _free_port()
    cafile, wrong = make_authority(folder, "ca"), make_authority(folder, "wrong-ca")
    sign_broker(folder)
    template = (DEPLOY / "server.properties").read_text("ascii") + SECURITY
    (folder / "server.properties").write_text(
        template.format(
            host=HOST,
            port=port,
            controller_port=_free_port(),
            log_dir="logs",
            store=STORE,
            store_password=STORE_PASSWORD,
            cafile=cafile.name,
        ),
        "ascii",
    )
    users = [f"{MECHANISM}=[name={n},password={p}]" for n, p in [("broker", "between-brokers")]]
    users.append(f'{MECHANISM}=[name={USER},password={PASSWORD}]')
    scram = [word for user in users for word in ("--add-scram", user)]
    cluster_id = base64.urlsafe_b64encode(b"secure-kafka-001").decode().rstrip("=")
    formatted = java(folder, "kafka.tools.StorageTool", "format", "-t", cluster_id, *scram, "-c")
    assert formatted.wait(READY_S) == 0, formatted.log_tail()
    broker = java(folder, "kafka.Kafka")
    try:
        found = SecureKafka(f"{HOST}:{port}", cafile, wrong)
        with admin_client(found.connection, timeout_s=60):
            pass
        yield found
    finally:
        print(broker.log_tail(40))
        broker.stop(20)


def java(folder: Path, main: str, *arguments: str) -> Child:
    flags = ["-Xmx512m", "-XX:+UseSerialGC", "-Dlog4j2.level=WARN", "-cp", f"{resolve_jars()}/*"]
    child = Child(
        [find_java(), *flags, main, *arguments, "server.properties"],
        folder / "kafka.log",
        cwd=folder,
    )
    child.start()
    return child


def keytool(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [Path(find_java()).resolve().with_name("keytool"), *arguments, "-storepass", STORE_PASSWORD],
        cwd=folder,
        check=True,
        capture_output=True,
    )


def make_authority(folder: Path, name: str) -> Path:
    """An authority's certificate as PEM; its key lies in NAME.p12."""
    store = ["-keystore", f"{name}.p12", "-alias", name]
    key = ["-keyalg", "EC", "-dname", f"CN={name}", "-validity", "2"]
    keytool(folder, "-genkeypair", *store, *key, "-ext", "bc:c=ca:true", "-ext", "ku:c=keyCertSign")
    keytool(folder, "-exportcert", "-rfc", *store, "-file", f"{name}.pem")
    return folder / f"{name}.pem"


def sign_broker(folder: Path) -> None:
    """The broker's key and certificate."""
    (folder / STORE).write_bytes((folder / "ca.p12").read_bytes())
    key = ["-keyalg", "EC", "-dname", "CN=kafka", "-validity", "2", "-ext", f"san=ip:{HOST}"]
    keytool(folder, "-genkeypair", "-keystore", STORE, "-alias", "kafka", "-signer", "ca", *key)
    keytool(folder, "-delete", "-keystore", STORE, "-alias", "ca")
