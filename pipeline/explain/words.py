"""What explain and review say, in English and Chinese: the sentences of words.toml."""

from pathlib import Path

import msgspec

from pipeline.site.problems import Both, Lang


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: dict[str, Both]
    say: dict[str, Both]
    word: dict[str, Both]


WORDS = msgspec.toml.decode(Path(__file__).with_name("words.toml").read_bytes(), type=_Words)


def reason_in(reason: str, lang: Lang) -> str:
    """The sentence of a decision's reason (`messages.Reason`), in one language."""
    both = WORDS.reason[reason]
    return both.zh if lang == "zh" else both.en


def phrase(name: str, /, **facts: object) -> Both:
    """The words that words.toml has under `name`, their blanks filled."""

    def filled(n: int) -> str:
        of_lang = {k: v[n] if isinstance(v, Both) else v for k, v in facts.items()}
        return WORDS.say[name][n].format(**of_lang)

    return Both(filled(0), filled(1))
