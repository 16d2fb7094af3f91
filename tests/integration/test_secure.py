"""Everything of ours against a real Kafka that wants TLS and a password (SASL_SSL, SCRAM)."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.alerts import decode_alert
from pipeline.child import Child
from pipeline.connection import BrokerUnavailable, Connection
from pipeline.demo.on_kafka import ends, lag, publish_readings, read, start
from pipeline.demo.run_site import Ports, prepare
from pipeline.topics import ALERTS, HITS, READINGS, STATE, TOPICS, ensure_topics
from tests.conftest import wait_until
from tests.integration.secure_kafka import MECHANISM, PASSWORD, USER, SecureKafka, secure_kafka

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "deploy" / "demo"
VARIABLE = "GRIDALERT_SASL_PASSWORD"
WRONG = "not-the-word-42"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every file of these tests lies."""
    return tmp_path_factory.mktemp("secure")


@pytest.fixture(scope="module")
def secure(folder: Path) -> Iterator[SecureKafka]:
    """Started once."""
    (folder / "kafka").mkdir()
    with secure_kafka(folder / "kafka") as started:
        yield started


@pytest.fixture
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)


def command(folder: Path, *arguments: str, status: int = 0) -> str:
    """Run one of ours to its end; what it said, which is also kept to be scanned."""
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli.main", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    with (folder / "commands.log").open("a", encoding="utf-8") as log:
        log.write(done.stdout)
    assert done.returncode == status, done.stdout
    assert "Traceback" not in done.stdout
    return done.stdout


def options(
    kafka: SecureKafka, cafile: Path | None = None, mechanism: str = MECHANISM
) -> list[str]:
    """Of `gridalert broker`."""
    words = ["--bootstrap-servers", kafka.bootstrap, "--security-protocol", "SASL_SSL"]
    words += ["--sasl-mechanism", mechanism, "--sasl-username", USER]
    return ["broker", *words, "--ssl-cafile", str(cafile or kafka.cafile)]


def make_site(target: Path, kafka: SecureKafka, cafile: Path | None = None) -> str:
    """The demo's site on this cluster."""
    prepare(DEMO, target, kafka.bootstrap, Ports(0, 0), None)
    settings = target / "gridalert.toml"
    security = f"""[kafka]
security_protocol = "SASL_SSL"
sasl_mechanism = "{MECHANISM}"
sasl_username = "{USER}"
ssl_cafile = "{cafile or kafka.cafile}"
"""
    settings.write_text(settings.read_text("utf-8").replace("[kafka]\n", security), "utf-8")
    return str(target)


def ended_in_order(child: Child) -> bool:
    """After SIGTERM."""
    child.stop(60.0)
    return child.wait(0) == 0


def decide(kafka: SecureKafka, folder: Path, name: str, readings: list[bytes]) -> None:
    """A worker that starts, decides all of them and ends."""
    part, connection = folder / f"{name}.jsonl", kafka.connection
    part.write_bytes(b"".join(readings))
    worker = start(name, folder, "worker", "--site", str(folder / "site"))
    try:
        wait_until(lambda: all(ends(connection, HITS).values()), "the worker to be there")
        publish_readings(connection, part)
        wait_until(
            lambda: lag(connection, READINGS) == 0 and lag(connection, HITS) == 0,
            "everything to be decided",
        )
    finally:
        assert ended_in_order(worker), worker.log_tail()


@pytest.mark.usefixtures("_password")
def test_two_workers_one_after_the_other_make_two_alerts_of_the_readings(
    secure: SecureKafka, folder: Path
) -> None:
    assert command(folder, *options(secure)).count("(created)") == len(TOPICS)
    make_site(folder / "site", secure)
    lines = (DEMO / "readings.jsonl").read_bytes().splitlines(keepends=True)
    seen = []
    # The second knows only what it reads back: the states and the committed offsets.
    for name, half in (("worker-a", lines[:10]), ("worker-b", lines[10:])):
        decide(secure, folder, name, half)
        seen.append([value or b"" for _, _, _, value in read(secure.connection, ALERTS)])
    kinds = [[type(decode_alert(value).data).__name__ for value in values] for values in seen]
    assert kinds == [["Opened"], ["Opened", "Resolved"]]
    assert list(read(secure.connection, STATE))


@pytest.mark.usefixtures("_password")
def test_ingest_looks_and_sends(secure: SecureKafka, folder: Path) -> None:
    site = make_site(folder / "ingest-site", secure)
    before = sum(ends(secure.connection, HITS).values())
    ingest = start("ingest", folder, "ingest", "--site", site)
    try:
        wait_until(lambda: sum(ends(secure.connection, HITS).values()) > before, "a hit")
    finally:
        assert ended_in_order(ingest), ingest.log_tail()


@pytest.mark.parametrize("password", [WRONG, ""])
def test_a_wrong_or_missing_password_is_named(
    password: str, secure: SecureKafka, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, password)
    site = make_site(folder / "wrong-site", secure)
    by_option = command(folder, *options(secure), status=1 if password else 2)  # 2: usage
    for said in (
        by_option,
        command(folder, "worker", "--site", site, status=1),
        command(folder, "ingest", "--site", site, status=1),
    ):
        assert (f"refuses user {USER}" if password else "SASL_SSL needs") in said
        assert VARIABLE in said


@pytest.mark.usefixtures("_password")
def test_a_broker_that_somebody_else_signed_is_not_trusted(
    secure: SecureKafka, folder: Path
) -> None:
    site = make_site(folder / "wrong-site", secure, secure.wrong_cafile)
    for said in (
        command(folder, *options(secure, secure.wrong_cafile), status=1),
        command(folder, "worker", "--site", site, status=1),
    ):
        assert f"certificate that does not pass with {secure.wrong_cafile}" in said
        assert "to mend: name in ssl_cafile" in said


def test_a_client_without_security_is_told_to_use_it(secure: SecureKafka, folder: Path) -> None:
    prepare(DEMO, folder / "plain-site", secure.bootstrap, Ports(0, 0), None)
    for said in (
        command(folder, "broker", "--bootstrap-servers", secure.bootstrap, status=1),
        command(folder, "worker", "--site", str(folder / "plain-site"), status=1),
    ):
        assert "speaks TLS only" in said
        assert "to mend: write security_protocol SASL_SSL" in said


def test_other_mistakes_have_their_own_words(secure: SecureKafka) -> None:
    servers, cafile = secure.bootstrap, str(secure.cafile)
    by_name = f"localhost:{servers.rpartition(':')[2]}"
    login = (MECHANISM, USER, PASSWORD)
    mistakes = {
        "made out to": Connection(by_name, "SASL_SSL", *login, ssl_cafile=cafile),
        "machine trusts": Connection(servers, "SASL_SSL", *login),
        "sasl_mechanism PLAIN": Connection(
            servers, "SASL_SSL", "PLAIN", *login[1:], ssl_cafile=cafile
        ),
        "speaks TLS only": Connection(servers, "SASL_PLAINTEXT", *login),
        "security_protocol of that port": Connection(servers, "SSL", ssl_cafile=cafile),
    }
    for words, connection in mistakes.items():
        with pytest.raises(BrokerUnavailable, match=words) as caught:
            # A handshake may take seconds; the last one is not told apart from a start, and waits.
            ensure_topics(connection, timeout_s=60.0 if connection.uses_sasl else 10.0)
        assert PASSWORD not in str(caught.value)


def test_the_password_is_in_no_file_and_no_output(secure: SecureKafka, folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {"commands.log", "worker-a.log", "worker-b.log", "kafka.log"} <= {p.name for p in files}
    for path in files:
        content = path.read_bytes()
        assert PASSWORD.encode() not in content, path
        assert WRONG.encode() not in content, path
