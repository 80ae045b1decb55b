"""Who may look and who may command: token, cookie, origin, proof, sizes, read-only (M46)."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import httpx
import pytest

from cli.ledgers import write
from dutchbook.core.errors import CredentialsError
from dutchbook.web.access import Access, own_token, same_origin, token_path
from dutchbook.web.shield import LARGEST_BODY
from web.serving import page

SECRET = "a token of twenty-three"
NOW = 1_795_000_000_000_000_000


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    token = own_token(ledger)
    assert len(token) >= 32
    assert own_token(ledger) == token
    assert stat.S_IMODE(token_path(ledger).stat().st_mode) == 0o600
    token_path(ledger).chmod(0o644)
    with pytest.raises(CredentialsError, match="chmod 600") as raised:
        own_token(ledger)
    assert token not in str(raised.value)


def test_the_token_shows_itself_nowhere() -> None:
    assert SECRET not in repr(Access(SECRET))


@pytest.mark.parametrize(
    "spoil",
    [lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"), lambda c: "9" + c, lambda c: "", lambda c: "é"],
)
def test_a_cookie_that_was_changed_is_none(spoil: object) -> None:
    access = Access(SECRET)
    cookie = access.session(NOW)
    assert access.valid(cookie, NOW)
    assert not access.valid(spoil(cookie), NOW)  # type: ignore[operator]
    assert not Access("another token altogether").valid(cookie, NOW)


def test_a_cookie_ends() -> None:
    access = Access(SECRET)
    assert not access.valid(access.session(NOW), NOW + 15 * 86_400 * 10**9)


@pytest.mark.parametrize(
    ("origin", "site", "ours"),
    [
        (None, None, True),
        ("http://desk:8765", "same-origin", True),
        ("http://DESK:8765", None, True),
        ("http://desk:8765", "cross-site", False),
        ("http://desk:8765.evil.example", None, False),
        ("https://evil.example", None, False),
        ("null", None, False),
        ("http://desk:1", None, False),
    ],
)
def test_a_request_of_another_site_is_told_from_ours(origin: str | None, site: str | None, ours: bool) -> None:
    assert same_origin(origin, "desk:8765", site) is ours


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    write(path)
    return path


async def test_without_the_token_nothing_is_told(ledger: Path) -> None:
    async with page(ledger) as served, served.stranger() as client:
        for path in (
            "/api/v1/status",
            "/api/v1/trades/cccc3333",
            "/api/v1/live",
            "/api/v1/openapi.json",
            "/api/v1/log",
        ):
            assert (await client.get(path)).status_code == 401, path
        for path in ("/", "/trades", "/system"):
            answer = await client.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login")
        assert (await client.get("/push/now")).status_code == 204
        assert (await client.post("/api/v1/commands/stop", json={})).status_code == 401
        assert "cccc3333" not in (await client.get("/login")).text


async def test_a_wrong_token_is_refused_and_guessing_is_slowed_down(ledger: Path) -> None:
    async with page(ledger) as served, served.stranger() as client:
        answers = [(await client.post("/api/v1/session", json={"token": f"guess {n}"})).status_code for n in range(12)]
        assert answers == [401] * 10 + [429] * 2
        assert (await client.get("/api/v1/status", headers={"Authorization": "Bearer no"})).status_code == 429


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(ledger: Path) -> None:
    async with page(ledger) as served, served.stranger() as client:
        answer = await client.post("/api/v1/session", json={"token": served.token})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie
        assert served.token.lower() not in cookie
        assert (await client.get("/")).status_code == 200


async def test_a_command_needs_our_own_origin_and_the_pages_proof(ledger: Path) -> None:
    async with page(ledger) as served, served.browser() as (client, ours):
        forged = {**ours, "Origin": "https://evil.example"}
        unproven = {key: value for key, value in ours.items() if key != "X-Dutchbook-Proof"}
        for headers in (
            forged,
            unproven,
            {**ours, "X-Dutchbook-Proof": "0" * 64},
            {**ours, "Sec-Fetch-Site": "cross-site"},
        ):
            answer = await client.post("/api/v1/commands/stop", json={}, headers=headers)
            assert answer.status_code == 403, headers
        assert served.room.live.view.ledger.kill_switch is None
        login = await client.post(
            "/api/v1/session", json={"token": served.token}, headers={"Origin": "https://evil.example"}
        )
        assert login.status_code == 403
        answer = await client.post("/api/v1/commands/stop", json={"reason": "test"}, headers=ours)
        assert answer.status_code == 200, answer.text
        assert served.room.live.view.ledger.kill_switch is not None


async def test_a_read_only_page_shows_everything_and_commands_nothing(ledger: Path) -> None:
    async with page(ledger, read_only=True) as served, served.client() as client:
        for path in ("/api/v1/commands/stop", "/api/v1/commands/start"):
            assert (await client.post(path, json={})).status_code == 403
        now = (await client.get("/")).text
        assert "read-only" in now
        assert 'data-open="stop"' not in now


async def test_a_body_that_is_too_large_is_refused_while_it_comes(ledger: Path) -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while sent < 64 * LARGEST_BODY:
            sent += 4096
            yield b" " * 4096
            await asyncio.sleep(0)

    async with page(ledger) as served, served.client() as client:
        declared = await client.post("/api/v1/commands/stop", content=b" " * (LARGEST_BODY + 1))
        assert declared.status_code == 413
        try:
            answer = await client.post("/api/v1/session", content=endless())  # type: ignore[arg-type]
            assert answer.status_code == 413
        except httpx.WriteError:
            pass  # refused before all of it was sent
        assert (await client.get("/healthz")).status_code == 200


async def test_malformed_bodies_are_refused_without_an_echo(ledger: Path) -> None:
    async with page(ledger) as served, served.client() as client:
        for body in (
            b"",
            b"{",
            b"[]",
            b'{"then": "explode"}',
            b'{"then": "hold", "more": 1}',
            b'{"reason": 5}',
            b"\xff\xfe",
        ):
            answer = await client.post(
                "/api/v1/commands/stop", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code in (400, 422), body
            assert "explode" not in answer.text
        assert served.room.live.view.ledger.kill_switch is None


async def test_the_page_may_load_nothing_but_its_own_files(ledger: Path) -> None:
    async with page(ledger) as served, served.client() as client:
        for path in ("/", "/login", "/static/app.js", "/api/v1/status", "/nothing"):
            headers = (await client.get(path)).headers
            assert "default-src 'none'" in headers["content-security-policy"], path
            assert "unsafe" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
        for path in ("/", "/opportunities", "/system", "/login", "/static/app.css", "/static/app.js"):
            text = (await client.get(path)).text
            assert "http://" not in text.replace("http://www.w3.org/", "").replace(served.url, ""), path
            assert "https://" not in text.replace("https://external-api", ""), path
            assert " style=" not in text and "<script>" not in text
