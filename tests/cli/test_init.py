"""The files to begin with say every setting and load as they are, and with every line made active."""

from __future__ import annotations

import re
from pathlib import Path

from cli.console import dutchbook
from dutchbook.cli.init import env_text, toml_text
from dutchbook.settings import Settings, describe, load, load_here
from dutchbook.settings.sources import PLAIN, SECRET


def test_the_files_as_written_are_the_defaults(tmp_path: Path) -> None:
    ended = dutchbook("init", cwd=tmp_path)
    assert ended.status == 0 and ended.out.count("written") == 2
    (tmp_path / ".env.example").rename(tmp_path / ".env")
    assert load_here({}, tmp_path) == Settings()


def test_every_line_made_active_is_still_the_default(tmp_path: Path) -> None:
    toml, env = tmp_path / "dutchbook.toml", tmp_path / ".env"
    toml.write_text(re.sub(r"^#(?! )", "", toml_text(), flags=re.MULTILINE))
    env.write_text(re.sub(r"^#(?! )", "", env_text(), flags=re.MULTILINE))
    assert load({}, toml, None) == Settings()
    assert load({}, None, env) == Settings()
    active = re.findall(r"^[a-z_]+ = ", toml.read_text(), flags=re.MULTILINE)
    # the other spellings of the mode have no default of their own
    assert len(active) == len(PLAIN) - 2


def test_every_setting_and_secret_stands_in_them() -> None:
    toml, env = toml_text(), env_text()
    flat = re.sub(r"\n# ", " ", toml)
    for row in PLAIN:
        assert row.meaning in flat, row.key
        assert all(f"{name}" in env for name in row.env)
    for secret in SECRET:
        assert all(name in env for name in (*secret.env, *secret.path_env))
        assert f'# {secret.path_key.rpartition(".")[2]} = "FILE"' in toml
    assert len(describe()) == len(PLAIN) + len(SECRET)


def test_a_changed_line_is_taken(tmp_path: Path) -> None:
    toml = tmp_path / "dutchbook.toml"
    toml.write_text(toml_text().replace("#max_bet = 2", "max_bet = 12.50"))
    assert load({}, toml, None).trading.max_bet == 12_500_000


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    (tmp_path / "dutchbook.toml").write_text("mine")
    ended = dutchbook("init", "--json", cwd=tmp_path)
    assert ended.status == 0
    assert ended.json == {"written": [".env.example"], "kept": ["dutchbook.toml"]}
    assert (tmp_path / "dutchbook.toml").read_text() == "mine"
    again = dutchbook("init", cwd=tmp_path)
    assert again.status == 0 and again.out.count("kept") == 2
