"""The shells' own scripts complete what the command line really has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.console import dutchbook, environment
from dutchbook.cli.completion import ASKED


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed_and_what_to_do_with_it_is_said_beside_it(shell: str, tmp_path: Path) -> None:
    ended = dutchbook("completion", shell, cwd=tmp_path)
    assert ended.status == 0 and ASKED in ended.out and f"completion {shell}" in ended.err
    if shutil.which(shell) is not None:
        subprocess.run([shell, "-n"], input=ended.out, text=True, check=True)


def test_another_shell_is_a_usage_error(tmp_path: Path) -> None:
    assert dutchbook("completion", "tcsh", cwd=tmp_path).status == 2


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [("rep", {"replay", "report"}), ("journal v", {"verify"}), ("report --h", {"--html", "--help"})],
)
def test_bash_completes_commands_and_options(typed: str, offered: set[str], tmp_path: Path) -> None:
    program = tmp_path / "dutchbook"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m dutchbook "$@"\n')
    program.chmod(0o755)
    script = dutchbook("completion", "bash", cwd=tmp_path).out
    ask = f"""{script}
COMP_WORDS=(dutchbook {typed}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_dutchbook_completion "{program}"; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", ask], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == offered, done.stderr
