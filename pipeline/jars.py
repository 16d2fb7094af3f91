"""Kafka's jars and the Java that runs them: found, or fetched by Maven once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

from pipeline.child import Child
from pipeline.connection import BrokerUnavailable

_CHECKOUT = Path(__file__).resolve().parents[1]
DEPLOY = _CHECKOUT / "deploy" / "kafka"
"""What Kafka is made of and how it is set up."""

_POM = DEPLOY / "pom.xml"
HOME = _CHECKOUT / ".kafka"
"""Where the jars and temporary data lie: in the checkout, ignored by git."""

_OLDEST_JAVA = 17
_INSTALL_JAVA = "install openjdk-17-jre-headless or newer, or point JAVA_HOME at one"

Tell = Callable[[str], None]
"""Hears, in words, what takes long."""


def tell_nobody(_: str) -> None:
    """For callers that show nothing."""


def resolve_jars(home: Path = HOME, tell: Tell = tell_nobody) -> Path:
    """The folder with Kafka's jars, fetched by Maven the first time (44 MB, into `home`).

    Safe with several callers at once, and with an end at any moment: the folder appears whole
    or not at all. `tell` hears of the fetching. Raises BrokerUnavailable without Java or Maven,
    or when Maven fails.
    """
    find_java()
    pom = _POM.read_bytes()
    version = ET.fromstring(pom).findtext(".//{*}kafka.version")  # noqa: S314 -- ours
    jars = home / f"{version}-{hashlib.sha256(pom).hexdigest()[:8]}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerUnavailable(
            "Maven (mvn) not found on PATH: it fetches the local Kafka", "install maven"
        )
    with locked(home):
        if not jars.is_dir():
            tell(f"fetching Apache Kafka {version} with Maven (44 MB, once, into {home})")
            _fetch(home, jars, maven)
    return jars


def _fetch(home: Path, jars: Path, maven: str) -> None:
    partial, log = home / "partial", home / "maven.log"
    shutil.rmtree(partial, ignore_errors=True)  # of a run that was killed: we hold the lock
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
    child = Child([maven, "-q", "-B", "-f", str(_POM), *goal], log, cwd=home)
    try:
        child.start()
        if child.wait() != 0:
            raise BrokerUnavailable(
                f"Maven could not fetch Apache Kafka ({_POM}):\n{child.log_tail()}",
                "check the network and the repositories in Maven's settings.xml",
            )
        partial.rename(jars)
    finally:
        child.stop()
        shutil.rmtree(partial, ignore_errors=True)


def find_java() -> str:
    """The path of a Java that is new enough. Raises BrokerUnavailable."""
    java_home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(java_home, "bin")) if java_home else None)
    if java is None:
        where = f"in JAVA_HOME {java_home}" if java_home else "on PATH"
        raise BrokerUnavailable(f"Java 17+ not found {where}", _INSTALL_JAVA)
    command = [java, "-version"]
    try:
        said = subprocess.run(  # noqa: S603 -- the path that which() found
            command, capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BrokerUnavailable(f"{java} does not run: {error}", _INSTALL_JAVA) from error
    version = re.search(r'version "(\d+)', said.stderr)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        found = said.stderr.partition("\n")[0] or "nothing"
        raise BrokerUnavailable(f"Java 17+ not found: {java} says {found}", _INSTALL_JAVA)
    return java


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold `home` against other processes; the kernel lets go when this one ends.

    Raises BrokerUnavailable where `home` cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w")
    except OSError as error:
        raise BrokerUnavailable(
            f"{home}, where the local Kafka lives, cannot be used: {error.strerror}",
            "make the checkout writable for this user",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
