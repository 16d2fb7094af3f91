"""What a change of a published schema breaks: for those who write to us, and who read from us.

It knows the JSON Schema that msgspec makes of our types, and no more: `$ref`, `anyOf` with a
discriminator, objects, arrays, enumerations and limits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
MEND = (
    "Put it back beside the new one; or give the new one a topic with the next version in its name "
    "(grid.alerts.v2) and fill both until nobody reads the old one."
)
_UPPER = ("maximum", "maxLength", "maxItems")
_LOWER = ("minimum", "minLength", "minItems")
_OTHER = ("pattern", "format", "additionalProperties")


def breaks(old: Schema, new: Schema, we: Literal["read", "write"]) -> list[str]:
    """Where `new` is no longer what was promised as `old`, each as PATH: WHAT. We `read`: whatever
    fitted must still fit. We `write`: whoever knows the old one must still find what it says.
    """
    comparison = _Comparison(old["$defs"], new["$defs"], we == "read")
    return list(comparison.of(old, new, ""))


@dataclass(frozen=True)
class _Comparison:
    old_defs: Schema
    new_defs: Schema
    we_read: bool

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if "default" in old and ("default" not in new or old["default"] != new["default"]):
            yield f"{path}: when absent, it does not mean {old['default']!r} any more"
        before, now = _kinds(old, self.old_defs), _kinds(new, self.new_defs)
        for kind in before.keys() - now.keys():
            if self.we_read or kind.startswith("="):  # we may stop writing null, not an action
                yield f"{path}: {kind} is gone"
        for kind in now.keys() - before.keys():
            if not (self.we_read or kind.startswith("=")):
                yield f"{path}: may now be {kind}"
        for kind in before.keys() & now.keys():
            inside = f"{path}({kind[1:]})" if kind.startswith("=") else path
            yield from self._of_one_kind(before[kind], now[kind], inside)

    def _of_one_kind(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        gone = set(old.get("enum", ())) - set(new.get("enum", ()))
        yield from (f"{path}: the value {value!r} is gone" for value in sorted(gone, key=str))
        for key in (*_UPPER, *_LOWER, *_OTHER):
            was, is_now = old.get(key), new.get(key)
            if _allows_more(key, is_now, was) if self.we_read else _allows_more(key, was, is_now):
                yield f"{path}: {key} was {was}, is {is_now}"
        before, now = old.get("properties", {}), new.get("properties", {})
        yield from (f"{path}.{name}: is gone" for name in before if name not in now)
        for name in before.keys() & now.keys():
            yield from self.of(before[name], now[name], f"{path}.{name}")
        must, must_now = set(old.get("required", ())), set(new.get("required", ()))
        if self.we_read:
            yield from (f"{path}.{name}: is required now" for name in must_now - must)
        else:
            # What is gone altogether is told above.
            yield from (
                f"{path}.{name}: may be absent now" for name in (must - must_now) & set(now)
            )
        if isinstance(old.get("items"), dict):
            yield from self.of(old["items"], new.get("items") or {}, f"{path}[]")
        lists = zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)
        for n, pair in enumerate(lists):
            yield from self.of(*pair, f"{path}[{n}]")


def _allows_more(key: str, less: Any, more: Any) -> bool:
    """Whether the limit `more` lets something pass that `less` does not; None is no limit."""
    if less is None or more is None or less == more:
        return less is not None and more is None
    if key in _UPPER or key in _LOWER:
        return bool(more > less) if key in _UPPER else bool(more < less)
    return True


def _kinds(schema: Schema, defs: Schema) -> dict[str, Schema]:
    """What a value may be, by its tag (=opened) or its JSON type; `$ref` followed."""
    tag_field = schema.get("discriminator", {}).get("propertyName")
    kinds = {}
    for alternative in schema.get("anyOf", [schema]):
        name = alternative.get("$ref", "").rpartition("/")[2]
        one = defs[name] if name else alternative
        if tag := one.get("properties", {}).get(tag_field):
            kinds["=" + tag["enum"][0]] = one
        else:
            kinds[one.get("type", "one of some values")] = one
            if None in one.get("enum", ()):
                kinds["null"] = {}
    return kinds
