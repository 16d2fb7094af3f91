"""A real Kafka that takes only clients with TLS and a password, and who signed its certificate."""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.broker import free_port
from pipeline.child import Child
from pipeline.connection import Connection
from pipeline.jars import DEPLOY, find_java, resolve_jars
from pipeline.topics import admin_client

HOST = "127.0.0.1"
USER = "grid"
PASSWORD = "geh=im;7'ü"
MECHANISM = "SCRAM-SHA-512"
READY_S = 120.0
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
    """Serves inside the block; all it has lies in `folder`, and PASSWORD in no file of it."""
    cafile, wrong = make_authority(folder, "ca"), make_authority(folder, "wrong-ca")
    sign_broker(folder)
    found = SecureKafka(f"{HOST}:{write_properties(folder, cafile)}", cafile, wrong)
    users = {"broker": "between-brokers", USER: PASSWORD}
    scram = [
        word
        for user, password in users.items()
        for word in ("--add-scram", f"{MECHANISM}=[name={user},password={password}]")
    ]
    cluster_id = base64.urlsafe_b64encode(b"secure-kafka-001").decode().rstrip("=")
    formatted = java(folder, "kafka.tools.StorageTool", "format", "-t", cluster_id, *scram, "-c")
    assert formatted.wait(READY_S) == 0, formatted.log_tail()
    broker = java(folder, "kafka.Kafka")
    try:
        with admin_client(found.connection, timeout_s=READY_S):
            pass
        yield found
    finally:
        broker.stop()


def write_properties(folder: Path, cafile: Path) -> int:
    """The broker's settings; the port it will listen on."""
    port = free_port()
    template = (DEPLOY / "server.properties").read_text("ascii") + SECURITY
    text = template.format(
        host=HOST,
        port=port,
        controller_port=free_port(),
        log_dir="logs",
        store=STORE,
        store_password=STORE_PASSWORD,
        cafile=cafile.name,
    )
    (folder / "server.properties").write_text(text, "ascii")
    return port


def java(folder: Path, main: str, *arguments: str) -> Child:
    flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN"]
    child = Child(
        [
            find_java(),
            *flags,
            "-cp",
            f"{resolve_jars()}/*",
            main,
            *arguments,
            "server.properties",
        ],
        folder / "kafka.log",
        cwd=folder,
    )
    child.start()
    return child


def keytool(folder: Path, *arguments: str) -> None:
    subprocess.run(
        [
            Path(find_java()).resolve().with_name("keytool"),
            *arguments,
            "-storepass",
            STORE_PASSWORD,
        ],
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
