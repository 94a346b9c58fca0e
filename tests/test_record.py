"""A record is the dataclass that `dataclasses` would have made."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, field
from pathlib import Path
from typing import get_type_hints

import pytest
from rich.pretty import pretty_repr

from oomparse.record import WORTH_COMPILING, maker, record, replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    first: int = 1


@record(frozen=True, slots=True, kw_only=True)
class Fast(Base):
    """What it is."""

    needed: str
    maybe: int | None = None
    many: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Base):
    needed: str
    maybe: int | None = None
    many: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Below(Fast):
    more: int = 0


class Wide(Fast):
    """Has a dict."""


VALUES = ({"needed": "a"}, {"needed": "a", "first": 2, "maybe": 3, "many": [4]})


@pytest.mark.parametrize("values", VALUES)
def test_the_same_fields(values: dict[str, object]) -> None:
    fast, slow = Fast(**values), Slow(**values)  # type: ignore[arg-type]  # as the fields say
    assert dataclasses.asdict(fast) == dataclasses.asdict(slow)
    assert repr(fast) == repr(slow).replace("Slow", "Fast")
    assert fast == Fast(**values)  # type: ignore[arg-type]  # as above
    assert type(fast) is Fast
    assert pickle.loads(pickle.dumps(fast)) == copy.deepcopy(fast) == fast
    assert dataclasses.replace(fast, needed="b").needed == "b"
    assert replaced(fast, needed="b") == dataclasses.replace(fast, needed="b")
    with pytest.raises(TypeError, match="other"):
        replaced(fast, other=1)


def test_it_is_frozen_and_has_no_more_than_its_slots() -> None:
    fast = Fast(needed="a")
    with pytest.raises(FrozenInstanceError):
        fast.needed = "b"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(FrozenInstanceError):
        del fast.needed
    assert not hasattr(fast, "__dict__")


def test_a_class_below_it_may_have_more() -> None:
    """As of any frozen dataclass: its fields are frozen there, too."""
    wide = Wide(needed="a")
    wide.other = 1  # type: ignore[attr-defined]  # it has a dict
    assert wide.other == 1  # type: ignore[attr-defined]  # as above
    del wide.other  # type: ignore[attr-defined]  # as above
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'needed'"):
        wide.needed = "b"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'needed'"):
        del wide.needed


def test_it_says_that_it_is_frozen() -> None:
    def says(cls: type) -> bool:
        return bool(cls.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # a dataclass

    assert [says(cls) for cls in (Base, Fast, Slow, Below, Wide)] == [True] * 5
    with pytest.raises(TypeError, match="cannot inherit non-frozen"):

        @dataclass
        class Open(Fast):  # type: ignore[misc]  # that is what is tested
            pass

    @dataclass
    class Thawed:
        first: int = 1

    with pytest.raises(TypeError, match="cannot inherit frozen"):

        @record(frozen=True, slots=True, kw_only=True)
        class Hard(Thawed):  # type: ignore[misc]  # as above
            pass

    assert not says(Thawed)
    with pytest.raises(TypeError, match="frozen"):
        record(frozen=False, slots=True, kw_only=True)


def test_every_object_has_a_default_of_its_own() -> None:
    assert Fast(needed="a").many is not Fast(needed="a").many


@pytest.mark.parametrize("cls", [Fast, Wide, Below])
def test_the_first_objects_are_as_all_others(cls: type[Fast]) -> None:
    """The first few are filled without compiling anything."""

    @record(frozen=True, slots=True, kw_only=True)
    class Fresh(Base):
        needed: str
        maybe: int | None = None
        many: list[int] = field(default_factory=list)

    made = [Fresh(needed="a", maybe=3) for _ in range(2 * WORTH_COMPILING)]
    assert made == [made[0]] * len(made)
    assert len({id(one.many) for one in made}) == len(made)
    assert (made[0].first, made[0].maybe, made[-1].maybe) == (1, 3, 3)

    @record(frozen=True, slots=True, kw_only=True)
    class Young(Base):
        needed: str

    for wrong, says in (({}, "needed"), ({"needed": "a", "other": 1}, "other")):
        for _ in range(WORTH_COMPILING):
            with pytest.raises(TypeError, match=says):
                Young(**wrong)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(TypeError, match="positional"):
        Young("a")  # type: ignore[call-arg, arg-type]  # as above
    assert Young(needed="a").first == cls(needed="a").first


def test_it_asks_for_the_same_arguments() -> None:
    assert str(inspect.signature(Fast)) == str(inspect.signature(Slow))
    assert get_type_hints(Fast.__init__) == get_type_hints(Slow.__init__)
    assert dataclasses.fields(Fast)[-1].default_factory is list
    for wrong in ({}, {"needed": "a", "other": 1}):
        with pytest.raises(TypeError):
            Fast(**wrong)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(TypeError):
        Fast("a")  # type: ignore[call-arg, arg-type]  # that is what is tested


@pytest.mark.parametrize("cls", [Fast, Below])
@pytest.mark.parametrize("values", VALUES)
def test_what_is_made_is_what_calling_the_class_makes(cls: type[Fast], values: dict[str, object]) -> None:
    made, called = maker(cls)(**values), cls(**values)  # type: ignore[arg-type]  # as the fields say
    assert type(made) is cls
    assert made == called
    assert repr(made) == repr(called)
    assert pickle.loads(pickle.dumps(made)) == called
    with pytest.raises(FrozenInstanceError):
        made.needed = "b"  # type: ignore[misc]  # that is what is tested
    assert maker(cls)(needed="a").many is not maker(cls)(needed="a").many


def test_what_makes_objects_asks_for_the_same_arguments() -> None:
    assert str(inspect.signature(maker(Fast))).split(" ->")[0] == str(inspect.signature(Slow)).split(" ->")[0]
    for wrong, says in (({}, "needed"), ({"needed": "a", "other": 1}, "other")):
        with pytest.raises(TypeError, match=says):
            maker(Fast)(**wrong)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(TypeError, match="positional"):
        maker(Fast)("a")  # type: ignore[call-arg, arg-type]  # as above


@pytest.mark.parametrize("cls", [Below, Wide])
def test_a_class_below_it_works(cls: type[Fast]) -> None:
    made = pickle.loads(pickle.dumps(cls(needed="a", first=5)))
    assert (type(made), made.needed, made.first, made.many) == (cls, "a", 5, [])


def test_pytest_explains_a_difference_field_by_field(tmp_path: Path) -> None:
    """Who tests a pipeline against our events wants to see which field differs, not two long lines."""
    (tmp_path / "test_it.py").write_text(
        "from oomparse import Victim\n\ndef test_it():\n    assert Victim(pid=1, comm='a') == Victim(pid=2, comm='a')\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "Differing attributes" in result.stdout
    assert "pid: 1 != 2" in result.stdout


def test_rich_shows_the_fields_one_below_the_other() -> None:
    assert pretty_repr(Fast(needed="a"), max_width=20).splitlines()[1].strip() == "first=1,"


@record(frozen=True, slots=True, kw_only=True)
class Pair(Base):
    """Can be hashed, and says itself how it looks."""

    second: str = ""

    def __repr__(self) -> str:
        return f"{self.first}|{self.second}"


def test_equal_records_have_one_hash() -> None:
    assert len({Pair(), Pair(), Pair(second="b"), Base()}) == 3
    assert Pair() != Base()
    assert Pair().__eq__("1|") is NotImplemented
    assert repr(Pair()) == "1|"
