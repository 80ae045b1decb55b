"""Wallet operations through the venue's own package: said first, done only when confirmed.

The relayer and the chain are not simulated: a stand-in client shows what the package would be called with, and where the
package is installed its own signatures are checked against that.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from dutchbook.core.errors import CredentialsError, Lost, Refused, SettingsError, Unavailable
from dutchbook.core.money import Size
from dutchbook.venues.polymarket import ApiCredentials, PolymarketKey
from dutchbook.venues.polymarket.slow_path import Proposal, SlowPath
from venues.polymarket.desk import HARDHAT, HARDHAT_ADDRESS, TOKENS

INSTALLED = importlib.util.find_spec("polymarket") is not None
WALLET = "0x" + "11" * 20


def slow(signature_type: int = 0, **more: Any) -> SlowPath:
    credentials = ApiCredentials("key", "c2VjcmV0", "phrase")
    key = PolymarketKey(HARDHAT, WALLET if signature_type else "", signature_type, credentials)
    return SlowPath(key, lambda: HARDHAT, **more)


def every_proposal(path: SlowPath) -> list[Proposal]:
    return [
        path.approvals(),
        path.redeem("Rain?", TOKENS),
        path.redeem_position("Rain?", "815"),
        path.merge("Rain?", TOKENS, None),
        path.merge("Rain?", TOKENS, Size(12_500_000)),
        path.split("Rain?", TOKENS, Size(20_000_000)),
        path.deposit_wallet(),
    ]


class StandIn:
    """The package's client: notes its calls."""

    wallet = WALLET

    def __init__(self, calls: list[tuple[str, dict[str, Any]]], error: Exception | None) -> None:
        self._calls, self._error = calls, error

    def __getattr__(self, name: str) -> Any:
        async def call(**options: Any) -> Any:
            self._calls.append((name, options))
            return self

        return call

    async def wait(self) -> Any:
        if self._error is not None:
            raise self._error
        return SimpleNamespace(transaction_hash="0xfeed")

    async def close(self) -> None:
        self._calls.append(("close", {}))


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A stand-in for the package, and what was asked of it."""
    seen = SimpleNamespace(calls=[], created=[], error=None, refuses=None)
    errors = ModuleType("polymarket.errors")
    base = type("PolymarketError", (Exception,), {})
    for name in ("UserInputError", "SigningError", "TransactionFailedError", "TransportError", "RequestRejectedError"):
        setattr(errors, name, type(name, (base,), {}))
    errors.PolymarketError = base  # type: ignore[attr-defined]

    class Client:
        @classmethod
        async def create(cls, **options: Any) -> StandIn:
            seen.created.append(options)
            if seen.refuses is not None:
                raise seen.refuses
            return StandIn(seen.calls, seen.error)

    version = ModuleType("polymarket.version")
    version.__version__ = "0.14.0"  # type: ignore[attr-defined]
    root = ModuleType("polymarket")
    root.errors, root.AsyncSecureClient = errors, Client  # type: ignore[attr-defined]
    root.ApiKeyCreds = lambda **fields: SimpleNamespace(**fields)  # type: ignore[attr-defined]
    for name, module in (("polymarket", root), ("polymarket.errors", errors), ("polymarket.version", version)):
        monkeypatch.setitem(sys.modules, name, module)
    seen.errors, seen.version = errors, version
    return seen


def test_every_proposal_says_what_it_will_do_to_which_wallet_and_who_pays() -> None:
    for path, payer in ((slow(), "pays gas in POL"), (slow(3), "relayer")):
        for proposal in every_proposal(path):
            assert (WALLET in proposal.text) or (HARDHAT_ADDRESS in proposal.text)
            assert payer in proposal.text or proposal.creates_wallet
            assert HARDHAT not in proposal.text and HARDHAT not in repr(proposal)


def test_amounts_are_said_in_dollars_and_pairs() -> None:
    assert "Merge 12.50 YES and NO pairs" in slow().merge("Rain?", TOKENS, Size(12_500_000)).text
    assert "Split $20 of pUSD" in slow().split("Rain?", TOKENS, Size(20_000_000)).text
    with pytest.raises(Refused, match="not positive"):
        slow().split("Rain?", TOKENS, Size(0))


async def test_nothing_is_done_without_a_confirmation(package: SimpleNamespace) -> None:
    for proposal in every_proposal(slow()):
        with pytest.raises(Refused, match="not confirmed") as caught:
            await slow().carry_out(proposal, confirmed=False)
        assert caught.value.code == "not_confirmed"
    assert package.created == [] and package.calls == []


@pytest.mark.parametrize(
    ("number", "call"),
    [
        (0, ("setup_trading_approvals", {})),
        (1, ("redeem_positions", {"condition_id": TOKENS.condition})),
        (2, ("redeem_positions", {"position_id": "815"})),
        (3, ("merge_positions", {"condition_id": TOKENS.condition, "amount": "max"})),
        (4, ("merge_positions", {"condition_id": TOKENS.condition, "amount": 12_500_000})),
        (5, ("split_position", {"condition_id": TOKENS.condition, "amount": 20_000_000})),
    ],
)
async def test_a_confirmed_proposal_is_done_once_and_the_client_closed(
    package: SimpleNamespace, number: int, call: tuple[str, dict[str, Any]]
) -> None:
    path = slow(3)
    outcome = await path.carry_out(every_proposal(path)[number], confirmed=True)
    assert package.calls == [call, ("close", {})] and outcome.transaction == "0xfeed"
    (created,) = package.created
    assert created["wallet"].lower() == WALLET and created["credentials"].apiKey == "key"


async def test_only_the_deposit_wallet_leaves_the_wallet_open_and_it_needs_a_builder_key(
    package: SimpleNamespace,
) -> None:
    with pytest.raises(CredentialsError, match="builder"):
        await slow().carry_out(slow().deposit_wallet(), confirmed=True)
    path = slow(builder=lambda: "builder-key")
    await path.carry_out(path.deposit_wallet(), confirmed=True)
    assert "wallet" not in package.created[0] and package.created[0]["api_key"] == "builder-key"


@pytest.mark.parametrize(
    ("name", "kind"), [("UserInputError", Refused), ("TransactionFailedError", Refused), ("TransportError", Lost)]
)
async def test_an_end_that_is_not_known_is_lost_and_a_refusal_a_refusal(
    package: SimpleNamespace, name: str, kind: type[Exception]
) -> None:
    package.error = getattr(package.errors, name)("no")
    with pytest.raises(kind, match="redeem: no"):
        await slow().carry_out(slow().redeem("Rain?", TOKENS), confirmed=True)
    assert package.calls[-1] == ("close", {})


async def test_what_fails_before_anything_was_submitted_may_be_tried_again(package: SimpleNamespace) -> None:
    package.refuses = package.errors.TransportError("no route")
    with pytest.raises(Unavailable, match="no route"):
        await slow().carry_out(slow().approvals(), confirmed=True)


async def test_another_version_of_the_package_is_refused(package: SimpleNamespace) -> None:
    package.version.__version__ = "0.15.0"
    with pytest.raises(SettingsError, match=r"0\.14\.0"):
        await slow().carry_out(slow().approvals(), confirmed=True)
    assert package.created == []


async def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polymarket", None)
    with pytest.raises(SettingsError, match=r"requirements/wallet\.txt"):
        await slow().carry_out(slow().approvals(), confirmed=True)


@pytest.mark.skipif(not INSTALLED, reason="polymarket-client is not installed (requirements/wallet.txt)")
def test_the_package_takes_what_it_would_be_given() -> None:
    from polymarket import ApiKeyCreds, AsyncSecureClient

    assert ApiKeyCreds(apiKey="a", secret="c2VjcmV0", passphrase="c") is not None
    calls = {
        "create": {"private_key", "wallet", "credentials", "api_key", "environment"},
        "setup_trading_approvals": set(),
        "redeem_positions": {"condition_id", "position_id"},
        "merge_positions": {"condition_id", "amount"},
        "split_position": {"condition_id", "amount"},
        "close": set(),
    }
    for name, given in calls.items():
        assert given <= set(inspect.signature(getattr(AsyncSecureClient, name)).parameters), name
