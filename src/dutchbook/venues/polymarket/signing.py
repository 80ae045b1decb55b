"""The signed order: which exchange it is for, its EIP-712 hash (which is the order id) and its signature.

Written out by hand because the official packages cost 0.35 to 3 ms an order; byte-for-byte tests hold it to them.
Nothing here chooses an amount, reads a clock or sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dutchbook.core.order import Action
from dutchbook.venues.polymarket.config import DEPOSIT_WALLET, PolymarketKey, keccak256

AMOY: Final = 80002
_AMOY_V3: Final = "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"


class ExchangeContract(Enum):
    """The contracts that settle orders: (address, domain version). The test chain has its own V3."""

    STANDARD = ("0xE111180000d2663C0091e4f400237545B87B996B", "2")
    NEG_RISK = ("0xe2222d279d744050d28e00520010520000310F59", "2")
    V3 = ("0xe3333700cA9d93003F00f0F71f8515005F6c00Aa", "3")


def is_v2_asset(token: int) -> bool:
    """Whether this is a position id of protocol v2: 64 zero bits above its lowest 40."""
    return token & (((1 << 64) - 1) << 40) == 0


def exchange_of(token: int, neg_risk: bool) -> ExchangeContract:
    """The contract to sign for. A wrong one is answered with `invalid signature`."""
    if is_v2_asset(token):
        return ExchangeContract.V3
    return ExchangeContract.NEG_RISK if neg_risk else ExchangeContract.STANDARD


ORDER_TYPE: Final = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_DOMAIN_TYPE: Final = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_ORDER_TYPEHASH: Final = keccak256(ORDER_TYPE)
_WRAPPED_TYPEHASH: Final = keccak256(
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_NAME: Final = keccak256(b"Polymarket CTF Exchange")
_WALLET_NAME: Final = keccak256(b"DepositWallet")
_WALLET_VERSION: Final = keccak256(b"1")
_TRAILER: Final = ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")
_BYTES32: Final = bytes(32)
_SIDE: Final = {Action.BUY: bytes(32), Action.SELL: (1).to_bytes(32, "big")}


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _address_word(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


def domain_separator(contract: ExchangeContract, chain_id: int) -> bytes:
    """The EIP-712 domain hash of an exchange on a chain."""
    address, version = contract.value
    if contract is ExchangeContract.V3 and chain_id == AMOY:
        address = _AMOY_V3
    return keccak256(_DOMAIN_TYPE + _NAME + keccak256(version.encode()) + _word(chain_id) + _address_word(address))


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """`id` is the order's hash under the exchange domain, `signature` what the venue checks; both `0x` hex."""

    id: str
    signature: str


class OrderSigner:
    """Signs orders of one wallet on one chain; everything that does not change per order is computed once."""

    __slots__ = ("_domains", "_key", "_parties", "_type", "_wallet_words")

    def __init__(self, key: PolymarketKey, chain_id: int) -> None:
        self._key = key
        self._domains = {contract: b"\x19\x01" + domain_separator(contract, chain_id) for contract in ExchangeContract}
        self._parties = _address_word(key.funder) + _address_word(key.order_signer)
        self._type = _word(key.signature_type)
        self._wallet_words = (
            _WALLET_NAME + _WALLET_VERSION + _word(chain_id) + _address_word(key.funder) + _BYTES32
            if key.signature_type == DEPOSIT_WALLET
            else b""
        )

    def sign(
        self,
        contract: ExchangeContract,
        *,
        salt: int,
        token: int,
        maker_amount: int,
        taker_amount: int,
        action: Action,
        timestamp_ms: int,
    ) -> SignedOrder:
        """Hash and sign one order with empty metadata and builder fields.

        A deposit wallet's signature wraps the order as ERC-7739 wants it; its order id is taken to be the plain order
        hash all the same (the venue does not say).
        """
        domain = self._domains[contract]
        contents = keccak256(
            _ORDER_TYPEHASH
            + _word(salt)
            + self._parties
            + _word(token)
            + _word(maker_amount)
            + _word(taker_amount)
            + _SIDE[action]
            + self._type
            + _word(timestamp_ms)
            + _BYTES32
            + _BYTES32
        )
        digest = keccak256(domain + contents)
        if not self._wallet_words:
            return SignedOrder("0x" + digest.hex(), "0x" + self._key.sign(digest).hex())
        wrapped = keccak256(domain + keccak256(_WRAPPED_TYPEHASH + contents + self._wallet_words))
        signature = self._key.sign(wrapped) + domain[2:] + contents + _TRAILER
        return SignedOrder("0x" + digest.hex(), "0x" + signature.hex())
