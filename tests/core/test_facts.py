"""Facts are plain data: they read back as they were written, name what is missing, and carry no secret."""

from types import NoneType, UnionType
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutchbook.core.claim import Claim, MarketId, Outcome
from dutchbook.core.facts import AnyFact, Fact, Filled, LegPlan, OrderPlan
from dutchbook.core.order import Action, TimeInForce

KINDS = get_args(AnyFact)
decoder = msgspec.json.Decoder(AnyFact)


def plain(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a fact's field type."""
    if kind is str:
        return st.text(max_size=20)
    if kind is int:
        # cash of a large account in millionths, and nanoseconds, both signs
        return st.integers(-(10**18), 10**18)
    if kind is bool:
        return st.booleans()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return structs(kind)
    if get_args(kind) and getattr(kind, "__origin__", None) is tuple:
        return st.lists(plain(get_args(kind)[0]), max_size=3).map(tuple)
    if getattr(kind, "__origin__", None) is dict:
        return st.dictionaries(*map(plain, get_args(kind)), max_size=3)
    if isinstance(kind, UnionType):
        return st.one_of(*(st.none() if each is NoneType else plain(each) for each in get_args(kind)))
    if getattr(kind, "__supertype__", None) is not None:
        return plain(kind.__supertype__)
    return st.sampled_from(list(kind))


def structs(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    fields = {field.name: plain(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


@given(st.one_of([structs(kind) for kind in KINDS]))
def test_every_fact_reads_back_as_it_was_written(fact: Fact) -> None:
    text = msgspec.json.encode(fact)
    again = decoder.decode(text)
    assert again == fact
    assert type(again) is type(fact)
    assert msgspec.json.encode(again) == text


def test_every_kind_of_fact_is_known_to_the_journal_and_has_its_own_tag() -> None:
    assert set(KINDS) == set(Fact.__subclasses__())
    assert len({kind.__struct_config__.tag for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_fact_without_a_required_field_is_refused_by_the_fields_name(kind: type[msgspec.Struct]) -> None:
    required = [field.name for field in msgspec.structs.fields(kind) if field.required]
    tag = kind.__struct_config__.tag
    with pytest.raises(msgspec.ValidationError, match=f"`{required[0]}`"):
        decoder.decode(msgspec.json.encode({"fact": tag}))


def test_fields_of_a_later_version_are_tolerated() -> None:
    text = b'{"fact":"engine_stopped","reason":"over","since":{"a":[1]}}'
    assert decoder.decode(text).reason == "over"


def test_a_fact_of_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="from_the_future"):
        decoder.decode(b'{"fact":"from_the_future"}')


@pytest.mark.parametrize("kind", [*KINDS, LegPlan, OrderPlan], ids=lambda kind: kind.__name__)
def test_no_field_of_a_fact_is_a_float_or_bytes(kind: type[msgspec.Struct]) -> None:
    """Money is integers; and an order's signed body never gets into the journal."""
    for field in msgspec.structs.fields(kind):
        assert "float" not in str(field.type)
        assert "bytes" not in str(field.type)
        assert "Any" not in str(field.type)


def test_an_order_in_the_journal_has_an_identity_and_no_body_key_or_signature() -> None:
    assert {field.name for field in msgspec.structs.fields(OrderPlan)} == {
        "id",
        "leg",
        "action",
        "size",
        "limit",
        "tif",
        "identity",
        "send_by_ns",
        "worst",
        "reduce_only",
        "opposite",
    }


def test_a_fact_cannot_be_edited() -> None:
    plan = OrderPlan("t.0.1", 0, Action.BUY, 1, 1, TimeInForce.FOK, "id", 1)
    with pytest.raises(AttributeError):
        plan.size = 2  # type: ignore[misc]
    for kind in KINDS:
        assert kind.__struct_config__.frozen


def test_a_fill_is_final_sellable_and_exact_unless_said_otherwise() -> None:
    text = (
        b'{"fact":"filled","trade":"t","order":"o","fill":"f","size":1,"cash":1,"fee":0,"liquidity":"taker","at_ns":1}'
    )
    fill = decoder.decode(text)
    assert isinstance(fill, Filled)
    assert fill.final and fill.sellable and fill.fee_exact


def test_a_leg_plan_names_its_claim() -> None:
    leg = LegPlan(MarketId("kalshi:A"), Outcome.NO, "kalshi:0", 1, 1, 1, 0, 1)
    assert leg.claim == Claim(MarketId("kalshi:A"), Outcome.NO)
