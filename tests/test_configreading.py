"""Reading values into dataclasses: which spellings count, what is finished already, and where everything wrong is."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, replace
from typing import Any

import pytest

from feedmill.configreading import (
    Refused,
    Section,
    key,
    list_of,
    mapping_of,
    once_each,
    one_of,
    optional,
    parse_boolean,
    whole_number,
)

NOTHING_TO_ADD = r"^$"


@dataclass(frozen=True, init=False)
class Inner(Section):
    """What lies in another."""

    size: int = key(whole_number(0, 99), "a number", default=1)
    word: str = key(one_of("a", "b"), "a or b")


@dataclass(frozen=True, init=False)
class Outer(Section):
    """What holds all kinds."""

    inner: Inner = key(Inner.read, "a mapping", default_factory=Inner)
    many: tuple[Inner, ...] = key(list_of(Inner.read), "a list", default=())
    named: dict[str, Inner] = key(mapping_of(one_of("x", "y"), Inner.read), "names", default_factory=dict, repr=False)


def faults(**given: Any) -> list[tuple[str, object, str]]:
    with pytest.raises(Refused) as caught:
        Outer(**given)
    return [(".".join(map(str, fault.place)), fault.value, fault.reason) for fault in caught.value.faults]


def test_whole_numbers() -> None:
    read = whole_number(0, 99)
    fives = ["5", " 5\t", "\u30005\u00a0", "+5", "05", "0005", "0_5", "5.0", "5.000", "+0_5.0 ", "0" * 5000 + "5", 5]
    assert {read(text) for text in fives} == {5}
    assert {read(text) for text in ("0", "-0", "000", "0.0", 0)} == {0}
    assert [read(text) for text in ("1_0", "9_9.0", 99)] == [10, 99, 99]


@pytest.mark.parametrize(
    "text", ["", " ", "+", "-1", "100", "1" * 5000, "5.", ".5", "5.5", "5.0.0", "1e1", "0x5", "5_", "_5", "x", "٥", "１"]
)
def test_what_is_no_whole_number_within(text: str) -> None:
    for value in (text, f"{text}5__0", f"{text}- 5", f"+-{text}", f"{text}5 0"):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            whole_number(0, 99)(value)


def test_what_is_no_whole_number_in_code() -> None:
    for value in (True, 5.0, None, [], {}, b"5", -1, 100):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            whole_number(0, 99)(value)


def test_a_long_text_that_nearly_is_a_number_is_soon_refused() -> None:
    for text in ("0" * 999_999 + "x", "1_" * 500_000, "5." + "0" * 999_999 + "x"):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            whole_number(0, 99)(text)


def test_booleans() -> None:
    assert all(parse_boolean(text) is True for text in ("true", "True", "TRUE", "yes", "YES", "on", "On", "y", "Y", "t", "T", "1", True))
    assert all(parse_boolean(text) is False for text in ("false", "False", "no", "NO", "off", "oFF", "n", "N", "f", "F", "0", False))
    for text in ("", " true", "true ", "2", "00", "-0", "1.0", "null", "ja", "ＯＮ", "YEſ", 1, 0, None, []):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            parse_boolean(text)


def test_words_are_not_put_right() -> None:
    assert one_of("a", "b")("b") == "b"
    for value in ("A", " a", "c", "", ["a"], {}, None):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            one_of("a", "b")(value)


def test_lists() -> None:
    read = list_of(one_of("a", "b"))
    assert read("a") == ("a",)
    assert read(["b", "a", "b"]) == read(("b", "a", "b")) == ("b", "a", "b")
    assert once_each(read)(["b", "a", "b"]) == ("b", "a")
    assert read([]) == ()
    for value in ({"a": "b"}, None, 5):
        with pytest.raises(ValueError, match=NOTHING_TO_ADD):
            read(value)
    with pytest.raises(Refused) as caught:
        list_of(one_of("a"), least=1)([])
    assert [(fault.place, fault.value) for fault in caught.value.faults] == [((), [])]


def test_none_is_what_is_left_out() -> None:
    assert optional(whole_number(0, 99))(None) is None
    assert optional(whole_number(0, 99))("5") == 5


def test_mappings_whose_names_come_to_the_same_keep_the_later_value() -> None:
    assert mapping_of(str.strip, whole_number(0, 99))({"a": "1", "b": "2", " a ": "3"}) == {"a": 3, "b": 2}


def test_what_is_left_out_has_its_default() -> None:
    made = Outer(inner={"word": "a"}, many="", named="")
    assert made == Outer(inner=Inner(word="a"))
    assert (made.inner.size, made.many, made.named) == (1, (), {})
    assert made.named is not Outer(inner=Inner(word="a")).named, "a mapping of one is not everybody's"


def test_everything_wrong_is_found_in_the_order_of_the_fields() -> None:
    assert faults(zz="1", named={"x": {"size": "x"}, "z": {}}, inner={"word": "c", "more": "d"}, many=["", "x", {"word": "a"}]) == [
        ("inner.word", "c", ""),
        ("inner.more", "d", "unknown key"),
        ("many.0.word", MISSING, "missing"),
        ("many.1", "x", ""),
        ("named.x.size", "x", ""),
        ("named.x.word", MISSING, "missing"),
        ("named.z", "z", ""),
        ("named.z.word", MISSING, "missing"),
        ("zz", "1", "unknown key"),
    ]
    assert faults() == [("inner.word", MISSING, "missing")], "the section that is left out lacks what it needs"


def test_the_text_of_an_error_has_no_values() -> None:
    with pytest.raises(Refused, match=r"^inner.size: not what is expected; inner.word: missing$"):
        Outer(inner={"size": "CANARY"})


def test_values_are_put_in_place_of_others() -> None:
    made = replace(Inner(word="a"), size="2")
    assert made == Inner(word="a", size=2)
    assert made != Inner(word="a")
    with pytest.raises(Refused):
        replace(made, size=100)
    assert repr(Outer(inner=made, named={"x": made})) == "Outer(inner=Inner(size=2, word='a'), many=())"
