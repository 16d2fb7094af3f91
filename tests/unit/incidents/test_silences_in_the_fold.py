"""What keeps the fold quiet, and that it speaks again: silences, hours, profiles, false alarms."""

import msgspec

from detectors.hits import Hit
from pipeline.feedback import Accepted, Closed, Verdict, Verified
from pipeline.incidents.policy import Matcher, Override, Policy, Profile, Rule, Silence, Window
from pipeline.messages import Outcome, Reason, Tick
from tests.builders import COUNT, at, event_type, given, hit, policy, reported
from tests.unit.incidents.timeline import Timeline

QUIET = "silenced"


def crowd(people: float, *seconds: float) -> list[Hit]:
    return [hit(second, people) for second in seconds]


def silenced(from_s: float, to_s: float, rule: Rule = COUNT) -> Policy:
    matcher = Matcher("place", "=", "pl-crowding")
    silence = Silence("s-1", (matcher,), "李", "market day", at(from_s), at(to_s))
    return policy(silences=(silence,), events={"crowding": event_type("crowding", rule)})


def test_a_silence_holds_an_opening_back_until_it_ends() -> None:
    line = Timeline(silenced(0, 100)).push(*crowd(6, *range(0, 100, 10)))
    assert (line.lines, set(line.reasons[1:])) == ([], {QUIET})
    decision = line.steps[-1].decision
    assert decision is not None
    assert decision.silence_id == "s-1"
    line.push(*crowd(6, 100))
    assert line.lines == [(100, "opened", "")]
    assert line.last.first_seen_at == at(0)


def test_a_silence_that_ends_between_two_looks_is_ended_by_the_clock() -> None:
    line = Timeline(silenced(0, 100)).push(*crowd(6, *range(0, 99, 10)), Tick(at(99)))
    assert line.lines == []
    assert line.push(Tick(at(100))).lines == [(100, "opened", "")]


def test_a_silence_keeps_news_to_itself_and_lets_the_end_through() -> None:
    line = Timeline(silenced(10, 100)).push(*crowd(6, 0, 2, 4))
    line.push(*crowd(12, 12, 14))
    assert line.reasons[-2:] == [QUIET, QUIET]
    line.push(*crowd(0, 20, 30))
    assert line.lines == [(4, "opened", ""), (30, "resolved", "condition_cleared")]


def test_what_comes_again_in_a_silence_is_told_when_that_ends() -> None:
    rule = msgspec.structs.replace(COUNT, cooldown_s=600)
    line = Timeline(silenced(20, 100, rule)).push(*crowd(6, 0, 2, 4), *crowd(0, 6, 16))
    line.push(*crowd(6, *range(30, 99, 4)), given(Accepted, line.last, 99))
    line.push(*crowd(6, 101))
    assert line.lines[2:] == [
        (99, "updated", "deadline_recomputed"),
        (101, "updated", "reopened"),
    ]
    conditions = [alert.condition for alert in line.alerts]
    assert conditions == ["present", "cleared", "cleared", "present"]  # as far as anybody knows


def test_a_report_in_a_silence_opens_when_that_ends() -> None:
    line = Timeline(silenced(0, 100)).push(reported(5, "r-1"), Tick(at(50)))
    assert (line.lines, line.reasons[0]) == ([], QUIET)
    assert line.push(Tick(at(100))).lines == [(100, "opened", "")]


def test_what_is_seen_outside_its_hours_counts_as_nothing() -> None:
    evenings = (Window("all", 18 * 60, 22 * 60),)  # it is 08:00 in Shanghai
    site = policy(events={"crowding": event_type("crowding", COUNT, schedule=evenings)})
    line = Timeline(site).push(*crowd(6, 0, 2, 4))
    assert (line.lines, set(line.reasons)) == ([], {"off_schedule"})
    decision = line.steps[0].decision
    assert decision is not None
    assert decision.outcome is Outcome.SUPPRESSED
    line.push(*crowd(6, *(10 * 3600 + second for second in (0, 2, 4))))
    assert line.lines == [(36_004, "opened", "")]


def test_the_end_of_its_hours_is_no_proof_that_it_is_gone() -> None:
    mornings = (Window("all", 8 * 60, 9 * 60),)
    site = policy(events={"crowding": event_type("crowding", COUNT, schedule=mornings)})
    line = Timeline(site).push(*crowd(6, *range(3590, 3612)))
    assert line.lines == [(3593, "opened", "")]
    assert line.reasons[-1] is Reason.OFF_SCHEDULE
    line.push(given(Closed, line.last, 3615), *crowd(0, 3700, 3720))
    assert Reason.SEEN_GONE not in line.reasons
    assert line.last.recheck is None


def test_a_profile_decides_while_it_is_in_force_and_expires_by_itself() -> None:
    changes = {"crowding": Override(rule={"raise_at": 3.0})}
    flood = Profile("emergency", "王", "flood", at(100), at(200), changes)
    line = Timeline(policy(profile=flood))
    line.push(*crowd(3, 0, 2, 4), *crowd(3, 150, 152, 154), *crowd(0, 160, 170))
    line.push(*crowd(3, 250, 252, 254), *crowd(6, 260, 262, 264))
    assert line.lines == [
        (154, "opened", ""),  # three are enough
        (170, "resolved", "condition_cleared"),
        (264, "opened", ""),  # five are asked for again
    ]
    profiles = [alert.provenance.profile for alert in line.alerts]
    assert profiles == ["emergency", "emergency", "normal"]


def test_what_a_person_found_false_is_quiet_for_a_while_and_then_speaks_again() -> None:
    rule = msgspec.structs.replace(COUNT, mute_s=600, cooldown_s=60)
    plain = policy()
    watch = msgspec.structs.replace(plain.watches["src-crowding", "z"], rule=rule)
    site = policy(
        events={"crowding": event_type("crowding", rule)}, watches={("src-crowding", "z"): watch}
    )
    line = Timeline(site).push(*crowd(6, 0, 2, 4))
    line.push(given(Verified, line.last, 20, verified=Verdict("false")))
    line.push(*crowd(6, *range(22, 619, 4)))
    assert line.lines == [(4, "opened", ""), (20, "resolved", "false_alarm")]
    assert set(line.reasons[4:]) == {"false_before"}
    line.push(*crowd(6, 622))
    assert line.lines[2:] == [(622, "updated", "reopened")]
    assert (line.last.handling, line.last.verdict) == ("open", "false")


def test_what_was_found_false_stays_quiet_though_it_comes_and_goes() -> None:
    rule = msgspec.structs.replace(COUNT, mute_s=600, cooldown_s=5)
    line = Timeline(policy(events={"crowding": event_type("crowding", rule)}))
    line.push(*crowd(6, 0, 2, 4))
    line.push(given(Verified, line.last, 6, verified=Verdict("false")))
    line.push(*(hit(s, 6 if s % 60 < 30 else 0) for s in range(10, 600, 5)))
    assert [reason for _, _, reason in line.lines] == ["", "false_alarm", "condition_cleared"]
