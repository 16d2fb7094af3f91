"""The recorded log: what goes in comes out, and decides the same again."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.hits import Hit
from pipeline.alerts import decode_alert
from pipeline.cli.main import main
from pipeline.messages import PolicyChange, Tick, decode_log_record, encode
from pipeline.readings import look_at_reading, watch_sensors
from pipeline.replay import Fold, Record, begun_by, distinct_alerts, log_line, read_log, replay
from pipeline.site.load import load_site
from pipeline.site.versions import keep_version
from tests.builders import LEAF, at, hit, policy, record

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
EPISODE = [hit(0, 6), hit(2, 6), hit(4, 6), hit(6, 10), hit(8, 0), hit(18, 0)]


def recorded(folder: Path, lines: list[bytes]) -> Path:
    path = folder / "log.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(encode(EPISODE[0]), id="a hit"),
        pytest.param(encode(Tick(at(0))), id="a tick"),
        pytest.param("人员聚集".encode(), id="text that is no JSON"),
        pytest.param(b"\xff\xd8\xff jpeg", id="bytes that are no text"),
        pytest.param(b'{"kind":"\xff"}', id="JSON that is no UTF-8"),
        pytest.param(b"NaN", id="a number that JSON has not"),
        pytest.param(b'"a\\nb"', id="an escaped line end"),
        pytest.param(b"1\r", id="a line end of another system"),
        pytest.param(b"[" * 20_000 + b"]" * 20_000, id="brackets in brackets, thousands deep"),
        pytest.param(b"null", id="null"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_a_value_comes_back_as_it_was(tmp_path: Path, value: bytes) -> None:
    (line,) = read_log(recorded(tmp_path, [log_line(3, 14, LEAF.encode(), value)]))
    assert (line.partition, line.offset, line.key) == (3, 14, LEAF)
    assert line.value_bytes().strip() == value.strip()


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_value_is_one_line(value: bytes) -> None:
    assert b"\n" not in log_line(0, 0, b"k", value)


def test_a_record_without_key_or_value_stays_one(tmp_path: Path) -> None:
    (line,) = read_log(recorded(tmp_path, [log_line(0, 0, None, None)]))
    assert (line.key, line.value_bytes()) == (None, b"")


def test_a_recorded_log_decides_the_same_again(tmp_path: Path) -> None:
    records = [*map(record, EPISODE), record(PolicyChange("p1")), (b"k", b"\xff"), (None, None)]
    live = Fold(policy())
    sent: list[bytes] = []
    lines = []
    for offset, (key, value) in enumerate(records):
        lines.append(log_line(0, offset, key, value))
        sent += [encode(alert) for alert, _ in live.apply(0, offset, key, value).alerts]
    again = Fold(policy())
    assert list(replay(read_log(recorded(tmp_path, lines)), again)) == sent
    assert len(sent) == 3
    assert again.decisions == live.decisions
    assert again.decisions.total() == len(records)


def test_each_record_is_decided_by_the_version_that_was_in_force(tmp_path: Path) -> None:
    folder, versions = shutil.copytree(DEMO, tmp_path / "site"), tmp_path / "versions"
    first = load_site(folder)
    keep_version(first, versions)
    officers = (folder / "officers.csv").read_text("utf-8")
    (folder / "officers.csv").write_text(officers.replace("term-15", "term-51"), "utf-8")
    second = load_site(folder)
    seen = [
        look_at_reading(line, watch_sensors(first), at(0), 0)
        for line in (DEMO / "readings.jsonl").read_bytes().splitlines()
    ]
    hits = [record(one) for one in seen if isinstance(one, Hit)]
    changes = [record(PolicyChange(site.policy.version)) for site in (first, second)]
    log = [changes[0], *hits[:10], changes[1], *hits[10:]]
    lines = [log_line(0, offset, *one) for offset, one in enumerate(log)]
    fold = Fold(second.policy, versions)
    told = [decode_alert(value).data for value in replay(read_log(recorded(tmp_path, lines)), fold)]
    assert [alert.provenance.policy_version for alert in told] == [
        first.policy.version,
        second.policy.version,
    ]
    assert "refused/unknown_policy" not in fold.counts()


class Town:
    """A site that was changed twice, its versions kept, and hits of the demo's sensor."""

    def __init__(self, folder: Path) -> None:
        self.site, self.versions = shutil.copytree(DEMO, folder / "site"), folder / "site/versions"
        officers = (self.site / "officers.csv").read_text("utf-8")
        sites = []
        for number in ("term-15", "term-51", "term-52"):
            text = officers.replace("term-15", number)
            (self.site / "officers.csv").write_text(text, "utf-8")
            sites.append(load_site(self.site))
            keep_version(sites[-1], self.versions)
        self.first, self.second, self.third = (site.policy for site in sites)
        watched = watch_sensors(sites[0])
        lines = (DEMO / "readings.jsonl").read_bytes().splitlines()
        seen = [look_at_reading(line, watched, at(0), 0) for line in lines]
        self.hits = [record(one) for one in seen if isinstance(one, Hit)]


def decided_by(fold: Fold, log: list[Record]) -> list[str]:
    fold.begin(begun_by(log))
    alerts = [alert.data for one in log for alert, _ in fold.apply(*one).alerts]
    return [alert.provenance.policy_version for alert in alerts]


def test_what_comes_before_the_first_change_is_decided_as_it_was(tmp_path: Path) -> None:
    town = Town(tmp_path)
    a, b, c = (policy.version for policy in (town.first, town.second, town.third))
    new = [*town.hits, record(PolicyChange(a)), record(PolicyChange(b, a))]  # a new partition's log
    cut = [*town.hits, record(PolicyChange(b, a)), record(PolicyChange(c, b))]  # retention cut it
    still = town.hits
    for records, version in ((new, a), (cut, a), (still, c)):
        log = [(0, n, *one) for n, one in enumerate(records)]
        fold = Fold(town.third, town.versions)
        assert decided_by(fold, log) == [version, version]
        assert fold.missing == []


def test_each_partition_begins_by_its_own_first_change() -> None:
    other = (2, 0, b"policy", b'{"kind":"policy"')  # somebody else's
    log = [
        other,
        (1, 0, *record(PolicyChange("b"))),
        (2, 1, *record(PolicyChange("d", "c"))),
        (1, 1, *record(PolicyChange("f", "b"))),
    ]
    assert dict(begun_by(log)) == {1: "b", 2: "c"}


def test_a_first_change_stands_on_the_log_as_it_always_did() -> None:
    assert encode(PolicyChange("a")) == b'{"kind":"policy","version":"a"}'
    assert decode_log_record(encode(PolicyChange("b", "a"))) == PolicyChange("b", "a")


def test_a_version_that_began_and_was_not_kept_is_named(tmp_path: Path) -> None:
    town, gone = Town(tmp_path), "0123456789abcdef"
    records = [*town.hits, record(PolicyChange(town.third.version, gone))]
    lines = [log_line(0, n, *one) for n, one in enumerate(records)]
    words = ["replay", str(recorded(tmp_path, lines)), "--site", str(town.site)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert f"Policy {gone} is not in the site's folder of versions" in result.stderr
    assert f"{len(records)} records, 2 alerts" in result.stdout


def test_the_command_decides_the_beginning_as_it_was(tmp_path: Path) -> None:
    town = Town(tmp_path)
    change = PolicyChange(town.second.version, town.first.version)
    lines = [log_line(0, n, *one) for n, one in enumerate([*town.hits, record(change)])]
    out = tmp_path / "alerts.jsonl"
    words = ["replay", str(recorded(tmp_path, lines)), "--site", str(town.site), "--out", str(out)]
    assert CliRunner().invoke(main, words).stderr == ""
    alerts = [decode_alert(value).data for value in out.read_bytes().splitlines()]
    assert {one.provenance.policy_version for one in alerts} == {town.first.version}


def test_a_change_to_a_version_that_was_not_kept_is_refused(tmp_path: Path) -> None:
    fold = Fold(policy(), tmp_path)
    for offset in range(2):
        fold.apply(0, offset, *record(PolicyChange("0123456789abcdef")))
    assert fold.counts() == {"refused/unknown_policy": 2}


def alerts() -> list[bytes]:
    lines = [log_line(0, n, *record(one)) for n, one in enumerate(EPISODE)]
    fold = Fold(policy())
    return [
        encode(alert)
        for n, line in enumerate(lines)
        for alert, _ in fold.apply(0, n, *record(EPISODE[n])).alerts
        if line
    ]


@pytest.mark.parametrize(
    "shuffle",
    [
        pytest.param(lambda sent: sent, id="as they were sent"),
        pytest.param(lambda sent: sent[::-1], id="the other way round"),
        pytest.param(lambda sent: [*sent, *sent[1:], sent[0]], id="with repeats"),
    ],
)
def test_a_dispatch_service_keeps_each_alert_once_in_order_of_time(shuffle) -> None:
    sent = alerts()
    assert distinct_alerts(shuffle(sent)) == sent
    assert [decode_alert(value).data.sequence for value in sent] == [1, 2, 3]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(b"", id="an empty line"),
        pytest.param(b"once upon a time", id="a line of prose"),
        pytest.param(b'{"partition":0}', id="a record without offset"),
        pytest.param(b'{"partition":0,"offset":1,"key":"\xff"}', id="a key that is no text"),
        pytest.param(b'{"partition":0,"offset":1,"value_base64":"%%%"}', id="bytes that are none"),
        pytest.param(b'{"x":' + b"[" * 20_000, id="brackets in brackets, thousands deep"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, broken: bytes) -> None:
    good = log_line(0, 0, *record(EPISODE[0]))
    path = recorded(tmp_path, [good, broken, good])
    with pytest.raises(ValueError, match=r"log\.jsonl:2: no recorded record"):
        list(read_log(path))
