"""Who may look and who may command: token, cookie, origin, proof, sizes, read-only (M46)."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import httpx
import pytest

from cli.ledgers import write
from dutchbook.core.errors import CredentialsError
from dutchbook.ledger.journal import Journal
from dutchbook.web.access import Access, own_access, read_access, same_origin, token_path
from dutchbook.web.app import create_app
from dutchbook.web.shield import LARGEST_BODY
from web.serving import page

SECRET = "a-token-of-twenty-three"
ANNA = "anna-s-own-token-of-25-ch"
NOW = 1_795_000_000_000_000_000


def test_the_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    token = own_access(ledger).token
    assert len(token) >= 32
    assert own_access(ledger).token == token
    assert stat.S_IMODE(token_path(ledger).stat().st_mode) == 0o600
    token_path(ledger).chmod(0o644)
    with pytest.raises(CredentialsError, match="chmod 600") as raised:
        own_access(ledger)
    assert token not in str(raised.value)


def test_the_token_shows_itself_nowhere() -> None:
    assert SECRET not in repr(read_access(f"{SECRET}\nanna {ANNA}", "here"))
    assert ANNA not in repr(read_access(f"{SECRET}\nanna {ANNA}", "here"))


@pytest.mark.parametrize(
    "spoil",
    [lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"), lambda c: "9" + c, lambda c: "", lambda c: "é"],
)
def test_a_cookie_that_was_changed_is_none(spoil: object) -> None:
    access = Access(SECRET)
    cookie = access.session("web", NOW)
    assert access.valid(cookie, NOW)
    assert not access.valid(spoil(cookie), NOW)  # type: ignore[operator]
    assert not Access("another token altogether").valid(cookie, NOW)


def test_a_cookie_ends() -> None:
    access = Access(SECRET)
    assert not access.valid(access.session("web", NOW), NOW + 15 * 86_400 * 10**9)


def test_several_people_have_a_token_each_and_their_cookies_are_their_own() -> None:
    access = read_access(f"{SECRET}\n\nanna   {ANNA}\n", "here")
    assert (access.knows(SECRET), access.knows(ANNA), access.knows("nobody's")) == ("web", "web:anna", None)
    cookie = access.session("web:anna", NOW)
    assert access.valid(cookie, NOW) == "web:anna"
    assert access.valid(access.session("web", NOW), NOW) == "web"
    # nobody becomes somebody else by another name in the cookie, and who is taken out of the file is out
    assert access.valid(cookie.replace(".anna.", ".."), NOW) is None
    assert read_access(SECRET, "here").valid(cookie, NOW) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("short", "at least 16"),
        ("", "holds no token"),
        (f"an na {ANNA}", "a name before a token"),
        (f"<b>anna</b> {ANNA}", "a name before a token"),
        (f"{'a' * 21} {ANNA}", "a name before a token"),
        (f"anna {ANNA}\nanna {SECRET}", "of its own"),
        (f"anna {ANNA}\nben {ANNA}", "of its own"),
    ],
)
def test_a_token_file_that_is_not_one_is_refused_without_an_echo(text: str, words: str) -> None:
    with pytest.raises(CredentialsError, match=words) as raised:
        read_access(text, "here")
    assert ANNA not in str(raised.value)


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


def last_record(ledger: Path) -> int:
    journal = Journal.read(ledger)
    try:
        return journal.seq
    finally:
        journal.close()


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
        assert "httponly" in cookie and "samesite=strict" in cookie and "secure" not in cookie
        assert served.token.lower() not in cookie
        assert (await client.get("/")).status_code == 200
        behind_tls = httpx.ASGITransport(create_app(served.room))
        async with httpx.AsyncClient(transport=behind_tls, base_url="https://localhost") as client:
            answer = await client.post("/api/v1/session", json={"token": served.token})
            assert "; secure" in answer.headers["set-cookie"].lower()


async def test_who_commanded_stands_in_the_ledger(ledger: Path) -> None:
    async with page(ledger) as served:
        served.room.access.people = {**served.room.access.people, "anna": ANNA}
        view = served.room.live.view
        async with served.stranger() as anna:
            answer = await anna.post("/api/v1/commands/stop", json={}, headers={"Authorization": f"Bearer {ANNA}"})
            assert answer.status_code == 200, answer.text
            assert view.ledger.kill_switch is not None and view.ledger.kill_switch.by == "web:anna"
        async with served.browser() as (client, ours):
            answer = await client.post("/api/v1/commands/start", json={}, headers=ours)
            assert answer.status_code == 200, answer.text
            assert [record.fact.by for record in list(view.newest)[-1:]] == ["web"]  # type: ignore[union-attr]


async def test_another_site_s_name_that_points_here_is_no_way_in(ledger: Path) -> None:
    async with page(ledger) as served, served.client() as client:
        for host in (
            "evil.example",
            "evil.example:8765",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "0.0.0.0",
        ):
            for path in ("/", "/login", "/api/v1/status", "/static/app.js", "/healthz"):
                answer = await client.get(path, headers={"Host": host})
                assert answer.status_code == 421, (host, path)
                assert served.token not in answer.text and "default-src" in answer.headers["content-security-policy"]
        for host in ("localhost:1", "LOCALHOST", "[::1]:8765"):
            assert (await client.get("/login", headers={"Host": host})).status_code == 200, host
        answer = await client.post("/api/v1/session", json={"token": "x"}, headers={"Host": "evil.example"})
        assert answer.status_code == 421
        named = httpx.ASGITransport(create_app(served.room, names=frozenset({"desk.example"})))
        async with httpx.AsyncClient(transport=named, base_url="https://desk.example") as other:
            assert (await other.get("/login")).status_code == 200


async def test_no_file_but_the_pages_own_is_served(ledger: Path) -> None:
    async with page(ledger) as served:
        port = int(served.url.rpartition(":")[2])
        for path in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static/..%2fpages.py", "/static//etc/passwd",
                     "/static/%00", "/static/", "/static/../../../../../../../etc/passwd"):  # fmt: skip
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert answer.split(b" ")[1] in (b"404", b"400", b"405"), (path, answer[:80])
            assert b"jinja2" not in answer and b"root:" not in answer


async def test_a_name_with_a_line_end_in_an_address_makes_no_header(ledger: Path) -> None:
    async with page(ledger) as served, served.stranger() as client:
        for end in ("%0d%0a", "%0d", "%0a"):
            answer = await client.get(f"/links/a{end}Set-Cookie:%20evil=1")
            assert answer.status_code in (303, 404)
            assert "set-cookie" not in answer.headers
            assert not set("\r\n") & set(answer.headers.get("location", ""))


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
        written = last_record(ledger)
        described = (await client.get("/api/v1/openapi.json")).json()["paths"]
        commands = [path for path, verbs in described.items() if "post" in verbs and path != "/api/v1/session"]
        assert len(commands) == 5, commands
        link = {"link": "rain", "turn": "approve"}
        for path in commands:
            where = path.replace("{trade}", "cccc3333").replace("{what}", "unwind")
            answer = await client.post(where, json=link if path.endswith("links") else {})
            assert (answer.status_code, "read-only" in answer.text) == (403, True), path
        assert last_record(ledger) == written
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
            b'{"reason": "\\ud800"}',
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
