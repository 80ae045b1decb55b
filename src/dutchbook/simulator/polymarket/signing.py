"""EIP-712 of the three exchanges: order hashes, signer recovery, and the deposit-wallet trailer, byte by byte.

Verifies only; it never holds a key. Source: the venue's published Order struct (11 signed fields, domain version 2 or 3),
the addresses on Polygon, and ERC-7739 for signature type 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from coincurve import PublicKey
from Crypto.Hash import keccak as _keccak

POLYGON = 137
CTF_EXCHANGE_V2 = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE_V2 = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"

EOA, PROXY, SAFE, DEPOSIT_WALLET = 0, 1, 2, 3

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
ORDER_TYPE = (
    b"Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,"
    b"uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)"
)
_WRAPPED_TYPE = (
    b"TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    + ORDER_TYPE
)
_HALF_CURVE = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it."""
    return _keccak.new(digest_bits=256, data=data).digest()


ORDER_TYPE_HASH = keccak256(ORDER_TYPE)


def word(value: int) -> bytes:
    """A uint256; raises OverflowError when it does not fit."""
    return value.to_bytes(32, "big")


def address_bytes(address: str) -> bytes:
    """The 20 bytes of an address text; raises ValueError for anything else."""
    raw = hex_bytes(address)
    if len(raw) != 20:
        raise ValueError("an address has 20 bytes")
    return raw


def hex_bytes(value: str) -> bytes:
    """The bytes of a 0x text; raises ValueError for anything else."""
    if not value.startswith("0x"):
        raise ValueError("a hex text starts with 0x")
    return bytes.fromhex(value[2:])


def checksum_address(raw: bytes) -> str:
    """The mixed-case spelling of EIP-55."""
    plain = raw.hex()
    mask = keccak256(plain.encode()).hex()
    return "0x" + "".join(c.upper() if int(m, 16) >= 8 else c for c, m in zip(plain, mask, strict=False))


def address_of(public_key: PublicKey) -> str:
    """The account address of a public key, checksummed."""
    return checksum_address(keccak256(public_key.format(compressed=False)[1:])[-20:])


def recover(digest: bytes, signature: bytes) -> str | None:
    """Who signed a 32-byte digest with a 65-byte r, s, v signature; None when it is malformed or malleable."""
    if len(signature) != 65 or signature[64] not in (27, 28) or int.from_bytes(signature[32:64], "big") > _HALF_CURVE:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except ValueError:
        return None
    return address_of(key)


@dataclass(frozen=True, slots=True)
class Domain:
    """Which exchange contract an order is signed for."""

    contract: str
    version: str
    chain_id: int = POLYGON


@dataclass(frozen=True, slots=True)
class SignedFields:
    """The signed part of an order. Amounts are millionths; `timestamp` is milliseconds; `side` 0 buys, 1 sells."""

    salt: int
    maker: str
    signer: str
    token_id: int
    maker_amount: int
    taker_amount: int
    side: int
    signature_type: int
    timestamp: int
    metadata: str
    builder: str


def is_v2_asset(token: int) -> bool:
    """Whether a token id belongs to protocol v2: the 64 bits above the lowest 40 are all zero."""
    return (token >> 40) & ((1 << 64) - 1) == 0


def exchange_for(token: int, neg_risk: bool) -> Domain:
    """The exchange that an order for `token` has to be signed for."""
    if is_v2_asset(token):
        return Domain(EXCHANGE_V3, "3")
    return Domain(NEG_RISK_EXCHANGE_V2 if neg_risk else CTF_EXCHANGE_V2, "2")


@lru_cache(maxsize=16)
def domain_separator(domain: Domain) -> bytes:
    """hashStruct of the EIP-712 domain."""
    return keccak256(
        keccak256(_DOMAIN_TYPE)
        + keccak256(b"Polymarket CTF Exchange")
        + keccak256(domain.version.encode())
        + word(domain.chain_id)
        + address_bytes(domain.contract).rjust(32, b"\0")
    )


def struct_hash(order: SignedFields) -> bytes:
    """hashStruct(Order); raises ValueError or OverflowError for fields that do not fit their type."""
    metadata, builder = hex_bytes(order.metadata), hex_bytes(order.builder)
    if len(metadata) != 32 or len(builder) != 32:
        raise ValueError("metadata and builder have 32 bytes")
    return keccak256(
        ORDER_TYPE_HASH
        + word(order.salt)
        + address_bytes(order.maker).rjust(32, b"\0")
        + address_bytes(order.signer).rjust(32, b"\0")
        + word(order.token_id)
        + word(order.maker_amount)
        + word(order.taker_amount)
        + word(order.side)
        + word(order.signature_type)
        + word(order.timestamp)
        + metadata
        + builder
    )


def order_hash(order: SignedFields, domain: Domain) -> bytes:
    """The order id: what types 0, 1 and 2 sign, and (assumed) the id of a type 3 order too."""
    return keccak256(b"\x19\x01" + domain_separator(domain) + struct_hash(order))


def wrapped_hash(order: SignedFields, domain: Domain) -> bytes:
    """What the owner of a deposit wallet signs (type 3): TypedDataSign around the order, in the exchange's domain."""
    wrapped = keccak256(
        keccak256(_WRAPPED_TYPE)
        + struct_hash(order)
        + keccak256(b"DepositWallet")
        + keccak256(b"1")
        + word(domain.chain_id)
        + address_bytes(order.maker).rjust(32, b"\0")
        + bytes(32)
    )
    return keccak256(b"\x19\x01" + domain_separator(domain) + wrapped)


def wallet_trailer(order: SignedFields, domain: Domain) -> bytes:
    """The 252 bytes that follow the 65-byte signature of type 3."""
    return domain_separator(domain) + struct_hash(order) + ORDER_TYPE + len(ORDER_TYPE).to_bytes(2, "big")


def signed_by(order: SignedFields, domain: Domain, signature: bytes) -> str | None:
    """The externally owned account that signed this order for this exchange, or None."""
    if order.signature_type == DEPOSIT_WALLET:
        if signature[65:] != wallet_trailer(order, domain):
            return None
        return recover(wrapped_hash(order, domain), signature[:65])
    return recover(order_hash(order, domain), signature)
