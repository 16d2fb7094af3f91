import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import jars
from pipeline.broker import LocalBroker
from pipeline.child import Child
from pipeline.cli.broker import command
from pipeline.connection import BrokerUnavailable


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with only what a test puts there (and a shell), and a Java that says 17."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    program(folder / "java", """echo 'openjdk version "17.0.15" 2025-04-15' >&2""")
    return folder


def test_without_java_it_says_what_to_install(tools: Path, tmp_path: Path) -> None:
    (tools / "java").unlink()
    with pytest.raises(BrokerUnavailable, match=r"Java 17\+ not found on PATH") as caught:
        jars.resolve_jars(tmp_path / "home")
    assert "openjdk-17-jre-headless" in caught.value.mend


@pytest.mark.parametrize("said", ['openjdk version "11.0.2"', 'java version "1.8.0_392"', ""])
def test_an_old_java_is_named(tools: Path, said: str) -> None:
    program(tools / "java", f"echo '{said}' >&2")
    with pytest.raises(BrokerUnavailable, match=r"Java 17\+ not found: .*/bin/java says"):
        jars.find_java()


def test_java_home_goes_before_path(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    with pytest.raises(BrokerUnavailable, match="in JAVA_HOME"):
        jars.find_java()


def test_without_maven_it_says_what_to_install(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="Maven") as caught:
        jars.resolve_jars(tmp_path / "home")
    assert "install maven" in caught.value.mend


def test_a_failing_maven_is_quoted_and_leaves_no_half_set(tools: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program(tools / "mvn", "/bin/mkdir partial; echo 'cannot resolve kafka'; exit 1")
    with pytest.raises(BrokerUnavailable, match="cannot resolve kafka"):
        jars.resolve_jars(home)
    assert sorted(path.name for path in home.iterdir()) == ["lock", "maven.log"]


def test_concurrent_callers_fetch_once(tools: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    program(tools / "mvn", "/bin/mkdir partial && echo x >> ../runs")
    found: list[Path] = []
    threads = [
        threading.Thread(target=lambda: found.append(jars.resolve_jars(home))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert found[0].name.startswith("4.3.1-")
    assert (tmp_path / "runs").read_text() == "x\n"


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=f"port {port} on 127.0.0.1 is in use"):
            LocalBroker(port=port).start()


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    data.mkdir()
    (data / "letter.txt").write_text("mine")
    broker = LocalBroker(data, home=home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.broker.resolve_jars", lambda *_: tmp_path)
        with pytest.raises(BrokerUnavailable, match="holds files that are not"):
            broker.start()
    assert [path.name for path in data.iterdir()] == ["letter.txt"]


def test_a_child_that_was_stopped_before_its_start_never_runs(tmp_path: Path) -> None:
    child = Child(["/bin/sh", "-c", "echo ran"], tmp_path / "log", cwd=tmp_path)
    child.stop()
    child.start()
    assert child.wait(60) == -9
    assert not (tmp_path / "log").exists()


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    child = Child(["/bin/sleep", "60"], tmp_path / "log", cwd=tmp_path)
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    assert child.wait(0.5) is None
    child.stop(grace_s=60)
    assert child.wait(60) == -15


def test_a_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "import signal; signal.signal(15, signal.SIG_IGN); print(1, flush=True); input()"
    child = Child(
        [sys.executable, "-c", script + "\nwhile True: signal.pause()"],
        tmp_path / "log",
        cwd=tmp_path,
    )
    child.start()
    child.stop(grace_s=0.2)
    assert child.wait(60) in {-9, -15, 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--sasl-username x", "--sasl-username needs --bootstrap-servers"),
        ("--bootstrap-servers a:1 --port 1", "--port does not go with"),
        ("--bootstrap-servers a", "write HOST:PORT"),
        (
            "--bootstrap-servers a:1 --security-protocol SASL_SSL --sasl-mechanism PLAIN "
            "--sasl-username x",
            "GRIDALERT_SASL_PASSWORD",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(arguments: str, words: str) -> None:
    result = CliRunner().invoke(command, arguments, env={"GRIDALERT_SASL_PASSWORD": None})
    assert result.exit_code == 2
    assert words in result.output


def test_help_shows_an_example() -> None:
    result = CliRunner().invoke(command, ["--help"])
    assert result.exit_code == 0
    assert "gridalert broker --port 19092" in result.output


def test_importing_the_command_starts_nothing() -> None:
    code = "import pipeline.cli.broker, threading; print(threading.active_count())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "1\n"
