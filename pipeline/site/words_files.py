"""Sentences about files and values (F), the catalogue (C) and deadlines (D)."""

FILE_WORDS = {
    "F001": (
        ("{file} is missing", "a site needs it: {reason}", "add it; deploy/demo has one to copy"),
        ("缺少 {file}", "站点需要它：{reason}", "请添加该文件，可从 deploy/demo 复制"),
    ),
    "F002": (
        (
            "{file} cannot be read: {error}",
            "its text must be UTF-8",
            "save it again as UTF-8 (in Excel: CSV UTF-8)",
        ),
        (
            "无法读取 {file}：{error}",
            "文本必须是 UTF-8 编码",
            "请另存为 UTF-8（Excel 中选“CSV UTF-8”）",
        ),
    ),
    "F003": (
        ("this is not {format}: {error}", "so nothing in it can be used", "mend this line"),
        ("不是有效的 {format}：{error}", "其中的内容都无法使用", "请改正这一行"),
    ),
    "F004": (
        ('unknown key "{key}"', "it would be ignored in silence", "remove it; {hint}"),
        ("未知的键“{key}”", "否则它会被悄悄忽略", "请删除它；{hint}"),
    ),
    "F005": (
        ('"{key}" is missing', "it has no default", "add {key}: {expected}"),
        ("缺少“{key}”", "它没有默认值", "请添加 {key}：{expected}"),
    ),
    "F006": (
        ('"{key}" is {value}', "that is the wrong kind of value", "write {expected}"),
        ("“{key}”的值是 {value}", "值的类型不对", "请写成{expected}"),
    ),
    "F007": (
        ('"{key}" is {value}', "{must}", "correct the value"),
        ("“{key}”的值是 {value}", "{must}", "请改正这个值"),
    ),
    "F008": (
        ('"{key}" is "{value}"', "it must be one of {choices}", "choose one; {hint}"),
        ("“{key}”的值是“{value}”", "只能是 {choices} 之一", "请选择其一；{hint}"),
    ),
    "F010": (
        (
            "the site has no camera and no sensor",
            "there is nothing to watch",
            "add a [[camera]] in cameras/NAME.toml or a [[sensor]] in sensors.toml",
        ),
        (
            "站点没有摄像机，也没有传感器",
            "没有可以监测的对象",
            "请在 cameras/名称.toml 添加 [[camera]]，或在 sensors.toml 添加 [[sensor]]",
        ),
    ),
    "C001": (
        (
            'param "{param}" of event "{event}" sets "{target}"',
            "no rule field has that name",
            'write one of {targets}, or "detector" when only the detector reads it',
        ),
        (
            "事件“{event}”的参数“{param}”对应“{target}”",
            "规则中没有这个字段",
            "请写 {targets} 之一；若只供检测器使用，请写 detector",
        ),
    ),
    "C002": (
        (
            "the rule clears below {clear_below} but raises at {raise_at}",
            "it would raise and clear at the same time",
            "make clear_below at most raise_at",
        ),
        (
            "规则低于 {clear_below} 时解除，但达到 {raise_at} 就触发",
            "会同时触发和解除",
            "clear_below 不得大于 raise_at",
        ),
    ),
    "C003": (
        (
            "review_at is {review_at} and direct_at is {direct_at}",
            "an alert goes first to review, and to the officer only when it is surer",
            "write 0 < review_at <= direct_at <= 1",
        ),
        (
            "review_at 为 {review_at}，direct_at 为 {direct_at}",
            "告警先送值班台复核，更确定时才直达网格员",
            "应满足 0 < review_at <= direct_at <= 1",
        ),
    ),
    "C004": (
        (
            'param "{param}" is not one that event "{event}" has',
            "the catalogue lists what a zone or sensor may set",
            "remove it; {hint}",
        ),
        (
            "事件“{event}”没有参数“{param}”",
            "区域和传感器只能设置目录中列出的参数",
            "请删除它；{hint}",
        ),
    ),
    "C005": (
        (
            'detector "{detector}" of event "{event}" is not installed',
            "nothing could look for that event",
            "install it; {hint}",
        ),
        ("事件“{event}”的检测器“{detector}”没有安装", "无法检测该事件", "请安装它；{hint}"),
    ),
    "D002": (
        (
            "event level {level} has no deadline",
            "any alert may be raised to it",
            'add [levels.{level}]; basis = "none" says that it has no deadline',
        ),
        (
            "事件等级 {level} 没有办结时限",
            "任何告警都可能升到该等级",
            '请添加 [levels.{level}]；没有时限请写 basis = "none"',
        ),
    ),
    "D003": (
        (
            "{day} is both a holiday and a workday",
            "a day is worked or it is not",
            "take it out of one of the lists",
        ),
        ("{day} 既是假日又是工作日", "一天只能是其中之一", "请从其中一个列表删除"),
    ),
}
