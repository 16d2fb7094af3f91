import subprocess
from dataclasses import replace

import pytest

from pipeline import topics
from pipeline.connection import BrokerUnavailable, Connection, KafkaProblem
from pipeline.topics import ALERTS, FRAMES, HITS, STATE, TOPICS, Topic, TopicMismatch, TopicReport

SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "grid",
    "sasl_password": "hidden-word",
}


def test_the_table_has_what_the_design_says() -> None:
    table = {topic.name: topic for topic in TOPICS}
    assert len(table) == len(TOPICS) == 9
    assert table[HITS].partitions == 24
    assert table[HITS].config()["retention.ms"] == str(7 * 24 * 3600 * 1000)
    assert table[ALERTS].config()["cleanup.policy"] == "compact,delete"
    assert table[STATE].config()["retention.ms"] == "-1"
    assert int(table[FRAMES].config()["segment.ms"]) <= 5 * 60 * 1000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"bootstrap_servers": "nohost"}, "HOST:PORT"),
        ({"bootstrap_servers": "a:1,,b:2"}, "HOST:PORT"),
        ({"bootstrap_servers": "a:70000"}, "HOST:PORT"),
        ({"security_protocol": "TLS"}, "write one of PLAINTEXT, SSL"),
        ({"sasl_password": "hidden-word"}, "sasl_password is set but"),
        ({"ssl_cafile": "ca.pem"}, "ssl_cafile is set but"),
        (SASL | {"sasl_mechanism": "GSSAPI"}, "write one of PLAIN"),
        (SASL | {"sasl_password": ""}, "sasl_password is missing"),
        (SASL | {"sasl_username": None}, "sasl_username is missing"),
        (SASL | {"ssl_keyfile": "k.pem"}, "without ssl_certfile"),
    ],
)
def test_a_connection_that_does_not_fit_together_is_refused(
    fields: dict[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Connection(**({"bootstrap_servers": "a:9092"} | fields))
    assert "hidden-word" not in str(caught.value)


def test_the_password_is_never_in_a_repr_or_log() -> None:
    connection = Connection("a:9093", **SASL)
    assert connection.kafka_python()["sasl_plain_password"] == "hidden-word"
    for shown in (connection, connection.kafka_python(), connection.aiokafka()):
        assert "hidden-word" not in repr(shown)


def test_plaintext_needs_no_context() -> None:
    connection = Connection("a:1,b:2")
    assert connection.ssl_context() is None
    assert connection.kafka_python() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }


def test_sasl_without_tls_has_no_context() -> None:
    connection = Connection("a:9093", **(SASL | {"security_protocol": "SASL_PLAINTEXT"}))
    assert connection.ssl_context() is None
    assert "ssl_context" not in connection.kafka_python()


def test_a_certificate_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(BrokerUnavailable, match=r"ssl_cafile .*missing\.pem"):
        Connection(
            "a:1", security_protocol="SSL", ssl_cafile=str(tmp_path / "missing.pem")
        ).ssl_context()


def test_a_key_with_a_password_is_an_error_and_no_question(tmp_path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=grid", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:word", *subject],
        check=True,
        capture_output=True,
    )
    connection = Connection(
        "a:1", security_protocol="SSL", ssl_certfile=str(certificate), ssl_keyfile=str(key)
    )
    with pytest.raises(BrokerUnavailable, match=r"key\.pem"):
        connection.ssl_context()


WANTED = Topic("grid.x.v1", 24, 1000, "compact,delete")
FOUND = TopicReport("grid.x.v1", 24, 1000, "delete,compact", False)


def test_the_order_of_cleanup_policies_does_not_matter() -> None:
    topics._check(WANTED, FOUND, WANTED.max_message_bytes)


@pytest.mark.parametrize(
    ("found", "size", "words"),
    [
        (replace(FOUND, partitions=3), 10**9, "grid.x.v1: partitions is 3, wanted 24"),
        (replace(FOUND, cleanup_policy="delete"), 10**9, "cleanup.policy is delete, wanted"),
        (FOUND, 1000, "max.message.bytes is 1000, wanted 1048576"),
    ],
)
def test_a_topic_that_is_not_as_wanted_is_named(found: TopicReport, size: int, words: str) -> None:
    with pytest.raises(TopicMismatch, match=words) as caught:
        topics._check(WANTED, found, size)
    assert caught.value.mend


def test_no_broker_is_a_clear_error_with_the_cause() -> None:
    with pytest.raises(KafkaProblem, match=r"127\.0\.0\.1:1 .*PLAINTEXT") as caught:
        topics.ensure_topics(Connection("127.0.0.1:1"), timeout_s=0.5)
    assert "refused" in str(caught.value).lower()
