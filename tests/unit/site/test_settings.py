from pathlib import Path

import pytest
from click import ClickException

from pipeline.cli.shared import connection_of
from pipeline.site.load import check_site, load_site


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[kafka]\nbootstrap_servers = "kafka"', (4, "F007", "bootstrap_servers")),
        ('[kafka]\nbootstrap_servers = "kafka:99999"', (4, "F007", "bootstrap_servers")),
        ('[kafka]\nbootstrap_servers = "kafka:9092,"', (4, "F007", "bootstrap_servers")),
        ('[kafka]\nbootstrap_servers = "u:p@kafka:9092"', (4, "R011", "bootstrap_servers")),
        ('[kafka]\nsecurity_protocol = "SASL"', (4, "F008", "security_protocol")),
        ("[worker]\ntick_s = -1", (4, "F007", "tick_s")),
        ("[worker]\nmetrics_port = 70000", (4, "F007", "metrics_port")),
        ("[ingest]\nthreads = 1.5", (4, "F006", "threads")),
        ("[evidence]\nkeep_days = 0", (4, "F007", "keep_days")),
        ('[evidence]\nbase_uri = "https://u:p@store/x"', (4, "R011", "base_uri")),
        ("[evidense]\nkeep_days = 3", (3, "F004", "evidense")),
    ],
)
def test_wrong_settings(tiny: Path, text: str, expected: tuple[int, str, str]) -> None:
    with (tiny / "gridalert.toml").open("a") as file:
        file.write(f"{text}\n")
    site, problems = check_site(tiny)
    assert site is None
    line, code, key = expected
    assert [(p.file, p.line, p.code) for p in problems] == [("gridalert.toml", line, code)]
    assert f'"{key}"' in problems[0].en[0]


def test_sasl_needs_who_and_how(tiny: Path) -> None:
    with (tiny / "gridalert.toml").open("a") as file:
        file.write('[kafka]\nsecurity_protocol = "SASL_SSL"\n')
    _, problems = check_site(tiny)
    assert [problem.en[0] for problem in problems] == [
        '"sasl_mechanism" is missing',
        '"sasl_username" is missing',
    ]
    assert problems[0].en[2] == "add sasl_mechanism: SASL_SSL needs it"


def test_a_site_needs_no_more_than_its_tenant(tiny: Path) -> None:
    assert (tiny / "gridalert.toml").read_text() == 'tenant = "t"\nsource_uri = "urn:t"\n'
    site, _ = check_site(tiny)
    assert site is not None
    assert site.settings.worker.tick_s == 10


def test_the_clock_skew_is_the_workers(tiny: Path) -> None:
    with (tiny / "gridalert.toml").open("a") as file:
        file.write("[worker]\nmax_clock_skew_s = 0\n[ingest]\nmax_clock_skew_s = 0\n")
    _, problems = check_site(tiny)
    assert [(p.line, p.code) for p in problems] == [(6, "F004")]


def test_a_missing_password_is_asked_for_by_the_name_of_its_variable(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tiny / "gridalert.toml").open("a") as file:
        file.write('[kafka]\nsecurity_protocol = "SASL_PLAINTEXT"\nsasl_mechanism = "PLAIN"\n')
        file.write('sasl_username = "u"\nsasl_password_env = "KAFKA_PASSWORD"\n')
    monkeypatch.delenv("KAFKA_PASSWORD", raising=False)
    with pytest.raises(ClickException, match="environment variable KAFKA_PASSWORD"):
        connection_of(load_site(tiny))
    monkeypatch.setenv("KAFKA_PASSWORD", "secret")
    assert connection_of(load_site(tiny)).sasl_password == "secret"
