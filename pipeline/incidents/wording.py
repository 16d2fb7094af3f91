"""What officers read: written from the published alert alone, so that any consumer could."""

from pipeline.alerts import AlertText, Contribution, GridAlert, Queue, Resolved, Routing, Updated

# 来源: how it came to be known, by the kind of its first source.
_KNOWN_BY = {"camera": "被监控抓拍", "sensor": "被传感器监测到", "report": "有人上报"}
# What keeps a camera from seeing.
_SIGHT = {
    "dark": "画面过暗",
    "bright": "画面过曝",
    "covered": "画面被遮挡",
    "blurred": "画面模糊",
    "moved": "画面移位",
    "frozen": "画面冻结",
    "offline": "离线",
}
_ENDS = {
    "condition_cleared": "现场情况已消失，请核实后办结。",
    "closed_by_dispatch": "已办结。",
    "false_alarm": "经核实不属实。",
    "expired": "已长时间看不到现场或无人处置，请人工核实。",
    "superseded": "网格或规则已调整，请按原地址核实。",
    "max_length": "持续时间过长，如仍存在将重新告警。",
}
# The same of an alert that people are done with, whatever it is told for afterwards.
_DONE = {"closed": "closed_by_dispatch", "verified_false": "false_alarm", "expired": "expired"}
# What it is that makes an alert surer, or less sure.
_PARTS = {"prior": "先验", "looks": "摄像机{}画面", "limit": "仅凭画面封顶", "report": "上报"}
_NEWS = {
    "measure_grew": "情况加重，",
    "severity_changed": "情况加重，",
    "evidence_added": "仍在现场，已补充第二张图片，",
    "reopened": "再次出现或仍未消除，",
    "reminder": "办结时限临近，",
    "deadline_breached": "已超办结时限，",
}
SUREST = 0.99  # as it is told: nobody is to read 1.00


def text_of(alert: GridAlert) -> AlertText:
    """Where and what, what that rests on, what to do; and the same as one says it to the officer.

    The notice is Naidong's sentence (research: domain.md B2).
    """
    exercise = "【演练】【合成】" if alert.exercise else ""  # what it rests on was made
    leaf = alert.grid.micro_grid or alert.grid.grid
    where = f"{alert.grid.community.name}{leaf.name}"
    if alert.place.name != where:  # a spot that only reports know is called by its grid
        where = f"{where} {alert.place.name}"
    measure, seen, blind = alert.measures[0], alert.observation, _blind(alert)
    what = f"附近有{alert.event.situation}情况，目前已{_KNOWN_BY[seen.sources[0].kind]}"
    return AlertText(
        headline=f"{exercise}{where} {alert.event.label} "
        + (blind or f"{measure.value:g}{measure.unit_zh}"),
        description=f"{seen.source_count}个来源{seen.duration_s:.0f}秒内{seen.hit_count}次命中，"
        f"置信度{min(alert.confidence, SUREST):.2f}，{_todo(alert)}{_basis(alert)}",
        notice=f"{exercise}{_to_whom(alert)}，{alert.place.name}"
        f"{f'的{blind}' if blind else what}，{_what_now(alert)}",
    )


def _basis(alert: GridAlert) -> str:
    """What makes it so sure, each by how much, in log-odds; and what nobody knows."""
    parts = "；".join(f"{_named(one)}{one.log_odds:+.2f}" for one in alert.contributions)
    caution = alert.provenance.caution_zh
    return (f"依据：{parts}。" if parts else "") + (f"注意：{caution}。" if caution else "")


def _named(one: Contribution) -> str:
    if one.name == "prior" and one.source:
        if not one.reviewed:
            return f"先验（摄像机{one.source}尚无复核）"
        return f"摄像机{one.source}已复核{one.reviewed}件、属实{one.confirmed}件"
    if one.label:
        return f"传感器{one.source}{'' if one.log_odds > 0 else '未监测到'}{one.label}"
    return _PARTS[one.name].format(one.source)


def _blind(alert: GridAlert) -> str:
    """Which cameras cannot see, and why; empty where it is about something else."""
    return "、".join(
        f"监控{source.id}{_SIGHT.get(source.sight, source.sight)}"
        for source in alert.observation.sources
        if source.sight
    )


def _ended(alert: GridAlert) -> str:
    """How it ended; empty while there is something to do."""
    over: str = alert.resolution if isinstance(alert, Resolved) else ""
    if over == "" and alert.condition == "cleared":
        over = "condition_cleared"
    if over in ("", "condition_cleared"):
        over = _DONE.get(alert.handling, over)
    return _ENDS.get(over, "")


def _todo(alert: GridAlert) -> str:
    news = _NEWS.get(alert.update_reason, "") if isinstance(alert, Updated) else ""
    if ended := _ended(alert):
        return news + ended
    if _is_for_desk(alert.routing):
        return f"{news}请值班席核实。"
    return f"{news}请{_number(alert.routing)}号网格员前往核实。"


def _to_whom(alert: GridAlert) -> str:
    if _is_for_desk(alert.routing):
        return "值班席"
    return f"{_number(alert.routing)}号网格员"


def _is_for_desk(routing: Routing) -> bool:
    return isinstance(routing, Queue) or routing.reason == "duty_desk"


def _number(routing: Routing) -> str:
    return routing.proposed.number if isinstance(routing, Queue) else routing.assignee.number


def _what_now(alert: GridAlert) -> str:
    if ended := _ended(alert):
        return ended
    if _is_for_desk(alert.routing):
        return "请值班席核实！"
    return "已发送你终端，请及时前往处置！"
