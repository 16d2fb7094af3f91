"""gridalert.toml: who the tenant is, where Kafka and the evidence are, and limits."""

import re
from collections.abc import Collection
from pathlib import Path

from detectors.manifest import ManifestError, load_manifest
from pipeline.incidents.policy import LEVELS
from pipeline.site.detectors import detector_class, installed
from pipeline.site.files import SiteFiles
from pipeline.site.model import Settings
from pipeline.site.problems import did_you_mean, say
from pipeline.site.tables import Node, read

_SERVER = re.compile(r"[^\s,:@]+:(\d{1,5})")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:(?!\$\{\w+\}@)[^/@\s]+@")


def holds_password(url: str) -> bool:
    """Whether `url` is one like scheme://user:password@host; ${NAME} is no password."""
    return _PASSWORD_IN_URL.search(url) is not None


def read_settings(files: SiteFiles, detectors: Collection[str]) -> Settings | None:
    """gridalert.toml; None, with the problems noted, where it is not right. `detectors`: those that
    the cameras' zones name.
    """
    node = files.toml("gridalert.toml", "needs_settings")
    settings = read(node, Settings) if node is not None else None
    if node is None or settings is None:
        return None
    if holds_password(settings.source_uri):
        node.add("R011", "source_uri", key="source_uri")
    if holds_password(settings.evidence.base_uri):
        node.add("R011", "evidence", "base_uri", key="base_uri")
    for key in settings.levels.keys() - set(LEVELS):
        node.add("F004", "levels", key, key=key, hint=did_you_mean(key, LEVELS))
    _check_kafka(node, settings)
    if settings.ingest.model:
        _check_model(node, files.folder, settings.ingest.model, detectors)
    return settings


def _check_model(node: Node, site: Path, model: str, detectors: Collection[str]) -> None:
    try:
        manifest = load_manifest(site / model)
    except ManifestError as error:
        node.add("F011", "ingest", "model", error=str(error).replace(f"{site}/", ""))
        return
    seen = {label for group in manifest.groups for label in group.labels}
    for name in sorted(set(detectors) & installed()):
        wanted: frozenset[str] = getattr(detector_class(name), "labels", frozenset())
        if wanted and not wanted & seen:
            facts = {"detector": name, "wanted": ", ".join(sorted(wanted))}
            node.add("F012", "ingest", "model", seen=", ".join(sorted(seen)), **facts)


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and 0 < int(found[1]) < 65536


def _check_kafka(node: Node, settings: Settings) -> None:
    kafka = settings.kafka
    if "@" in kafka.bootstrap_servers:
        node.add("R011", "kafka", "bootstrap_servers", key="bootstrap_servers")
    elif not all(map(_is_server, kafka.bootstrap_servers.split(","))):
        node["kafka"].wrong("bootstrap_servers", say("servers"))
    if not kafka.security_protocol.startswith("SASL_"):
        return
    needed = {"sasl_mechanism": kafka.sasl_mechanism, "sasl_username": kafka.sasl_username}
    for key, value in needed.items():
        if not value:
            expected = say("needs_sasl", protocol=kafka.security_protocol)
            node.add("F005", "kafka", "security_protocol", key=key, expected=expected)
