"""`dutchbook completion SHELL`: the script that lets a shell complete commands and options. Prints only; installs nothing."""

from __future__ import annotations

import os
from enum import Enum
from typing import Annotated, Final

import typer

from dutchbook.cli.output import note, say

ASKED: Final = "_DUTCHBOOK_COMPLETE"
"""The shell's script sets this variable and runs `dutchbook` to be told what may follow."""


class Shell(Enum):
    """Shells that a script can be written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


HOW: Final = {
    Shell.BASH: 'for this shell: eval "$(dutchbook completion bash)"; for every one: put that line into ~/.bashrc',
    Shell.ZSH: 'for this shell: eval "$(dutchbook completion zsh)"; for every one: put that line into ~/.zshrc, after compinit',
    Shell.FISH: "for every shell: dutchbook completion fish > ~/.config/fish/completions/dutchbook.fish",
}


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> None:
    """Print the script that completes commands and options with the tab key; what to do with it stands on standard error."""
    from typer._completion_shared import get_completion_script

    say(get_completion_script(prog_name="dutchbook", complete_var=ASKED, shell=shell.value))
    note(HOW[shell])


def prepare() -> None:
    """When a shell asks what may follow, let the command line answer in that shell's way."""
    if ASKED in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
