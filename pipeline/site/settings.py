"""gridalert.toml: who the tenant is, where Kafka and the evidence are, and limits."""

import re
from math import inf

from pipeline.site.files import SiteFiles
from pipeline.site.model import Settings
from pipeline.site.problems import Both, Findings
from pipeline.site.tables import Node, read

_NEEDED = Both("it names the tenant and source_uri", "其中写明 tenant 和 source_uri")
_SERVERS = re.compile(r"[^\s,:@]+:\d{1,5}(,[^\s,:@]+:\d{1,5})*")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_NOT_NEGATIVE = (
    ("worker", "tick_s"),
    ("ingest", "max_clock_skew_s"),
    ("ingest", "threads"),
)
_POSITIVE = (("evidence", "keep_days"), ("evidence", "unreferenced_hours"))
_PORTS = (("worker", "metrics_port"), ("ingest", "metrics_port"))


def holds_password(url: str) -> bool:
    """Whether `url` is one like scheme://user:password@host."""
    return _PASSWORD_IN_URL.search(url) is not None


def read_settings(files: SiteFiles, found: Findings) -> Settings | None:
    """gridalert.toml; None, with the problems noted, where it is not right."""
    node = files.toml("gridalert.toml", _NEEDED)
    settings = read(node, Settings, found) if node is not None else None
    if node is None or settings is None:
        return None
    _check_texts(node, settings, found)
    _check_sasl(node, settings, found)
    _check_numbers(node, settings, found)
    return settings


def _check_texts(node: Node, settings: Settings, found: Findings) -> None:
    if not settings.tenant.strip():
        must = Both("it must not be empty", "不能为空")
        found.add("F007", node.spot("tenant"), key="tenant", value='""', must=must)
    if not settings.source_uri.strip() or " " in settings.source_uri:
        must = Both("it is a URI that names this deployment", "应为标识本部署的 URI")
        found.add(
            "F007",
            node.spot("source_uri"),
            key="source_uri",
            value=f'"{settings.source_uri}"',
            must=must,
        )
    for path, uri in (
        (("source_uri",), settings.source_uri),
        (("evidence", "base_uri"), settings.evidence.base_uri),
    ):
        if holds_password(uri):
            found.add("R011", node.spot(*path), key=path[-1])
    servers = settings.kafka.bootstrap_servers
    if "@" in servers:
        found.add("R011", node.spot("kafka", "bootstrap_servers"), key="bootstrap_servers")
    elif not _SERVERS.fullmatch(servers):
        must = Both(
            "it must be HOST:PORT, with commas between several", "应为 主机:端口，多个用逗号分隔"
        )
        spot = node.spot("kafka", "bootstrap_servers")
        found.add("F007", spot, key="bootstrap_servers", value=f'"{servers}"', must=must)


def _check_sasl(node: Node, settings: Settings, found: Findings) -> None:
    kafka = settings.kafka
    if not kafka.security_protocol.startswith("SASL_"):
        return
    for key, value in (
        ("sasl_mechanism", kafka.sasl_mechanism),
        ("sasl_username", kafka.sasl_username),
    ):
        if not value:
            expected = Both(
                f"{kafka.security_protocol} needs it", f"{kafka.security_protocol} 需要"
            )
            found.add("F005", node.spot("kafka", "security_protocol"), key=key, expected=expected)


def _check_numbers(node: Node, settings: Settings, found: Findings) -> None:
    rules = (
        (_NOT_NEGATIVE, 0, inf, Both("it must be 0 or more", "不能小于 0")),
        (_POSITIVE, 1, inf, Both("it must be 1 or more", "不能小于 1")),
        (
            _PORTS,
            0,
            65535,
            Both(
                "a port is 1 to 65535, or 0 for a free one", "端口为 1 到 65535，0 表示任取空闲端口"
            ),
        ),
    )
    for paths, least, most, must in rules:
        for table, key in paths:
            value = getattr(getattr(settings, table), key)
            if not least <= value <= most:
                found.add("F007", node.spot(table, key), key=key, value=value, must=must)
