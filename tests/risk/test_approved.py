"""An approval comes from the gate and from nowhere else."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from typing import Any

import msgspec
import pytest

from dutchbook.core.money import Size
from dutchbook.risk.approved import Approved
from dutchbook.risk.gate import RiskGate
from risk.scene import LIMITS, opportunity, view


@pytest.fixture
def approved() -> Approved:
    answer = RiskGate(LIMITS).check(opportunity(), view())
    assert isinstance(answer, Approved)
    return answer


@pytest.mark.parametrize("seal", [None, object(), True, "seal", LIMITS])
def test_nobody_else_can_make_one(approved: Approved, seal: object) -> None:
    with pytest.raises(TypeError, match="only the risk gate"):
        Approved(seal, approved.opportunity, approved.legs, 0, 1)


def test_it_cannot_be_copied(approved: Approved) -> None:
    for copier in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copier(approved)
    replace: Any = dataclasses.replace
    with pytest.raises(TypeError):
        replace(approved, expires_ns=2**62)


def test_it_cannot_be_serialised(approved: Approved) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(approved, protocol)
    with pytest.raises(TypeError):
        json.dumps(approved)
    with pytest.raises(TypeError):
        msgspec.json.encode(approved)


def test_it_cannot_be_changed(approved: Approved) -> None:
    changed: Any = approved
    for name in ("opportunity", "legs", "expires_ns", "something_new"):
        with pytest.raises(AttributeError):
            setattr(changed, name, None)
    with pytest.raises(AttributeError):
        del changed.legs
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.legs[0].size = Size(10**12)


def test_it_cannot_be_subclassed() -> None:
    with pytest.raises(TypeError):
        type("Forged", (Approved,), {})


def test_an_empty_one_made_around_the_gate_carries_no_plan() -> None:
    hollow = object.__new__(Approved)
    with pytest.raises(AttributeError):
        _ = hollow.legs
