"""The key endpoints, and the gate of every private route: whose call is this? Holds no state."""

from __future__ import annotations

from dutchbook.simulator.polymarket.account import Account
from dutchbook.simulator.polymarket.auth import check_l1, check_l2, make_credentials
from dutchbook.simulator.polymarket.call import Call
from dutchbook.simulator.polymarket.refusal import Refused
from dutchbook.simulator.polymarket.venue import Venue


def create_key(venue: Venue, call: Call) -> object:
    address, nonce = check_l1(call.headers, call.now)
    account = venue.by_signer.get(address)
    credentials = make_credentials(venue.seed, address, nonce)
    if account is None or credentials.key in venue.by_key:
        raise Refused(400, "Could not create api key")
    venue.by_key[credentials.key] = account, credentials
    return credentials.body()


def derive_key(venue: Venue, call: Call) -> object:
    credentials = make_credentials(venue.seed, *check_l1(call.headers, call.now))
    if credentials.key not in venue.by_key:
        raise Refused(400, "Could not derive api key")
    return credentials.body()


def private(venue: Venue, call: Call) -> tuple[Account, str]:
    """The account and key behind an L2-signed call."""
    key = call.headers.get("poly_api_key", "")
    account, credentials = venue.by_key.get(key, (None, None))
    check_l2(call.headers, credentials, call.method, call.path, call.body, call.now)
    if account is None or call.headers.get("poly_address", "").lower() != account.signer.lower():
        raise Refused(401, "Unauthorized/Invalid api key")
    return account, key


def list_keys(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    return {"apiKeys": [key for key, (owner, _) in venue.by_key.items() if owner is account]}


def delete_key(venue: Venue, call: Call) -> object:
    _, key = private(venue, call)
    del venue.by_key[key]
    return "OK"


def deployed(venue: Venue, call: Call) -> object:
    """GET /deployed of the relayer: whether a wallet exists, which here means that an account has it."""
    address = call.one("address").lower()
    return {"deployed": any(account.wallet.lower() == address for account in venue.accounts.values())}


def ban_status(venue: Venue, call: Call) -> object:
    account, _ = private(venue, call)
    return {"closed_only": account.closed_only}
