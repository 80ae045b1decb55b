"""`dutchbook links read`: have Claude read the rules of one link. It may remark and veto; it approves nothing.

A proven difference on a link that is approved suspends it, until a person has looked. The key comes from the environment or .env.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dutchbook.cli.links.registry import annotate, decide, read_registry
from dutchbook.cli.output import say, say_json
from dutchbook.cli.own_ledger import Json, LedgerPath, ledger_path
from dutchbook.core.errors import CredentialsError
from dutchbook.core.facts import LinkAnnotated

if TYPE_CHECKING:
    from dutchbook.analysts.rules_opinion import Opinion
    from dutchbook.core.facts import LinkProposed


def read(
    link: Annotated[str, typer.Argument(metavar="ID", help="The link, as `dutchbook links list` names it.")],
    ledger: LedgerPath = None,
    as_json: Json = False,
) -> None:
    """Ask Claude in which states the markets pay differently. Needs ANTHROPIC_API_KEY and requirements/analysts.txt."""
    path = ledger_path(ledger)
    entry = read_registry(path).links.named(link)
    opinion, model = asyncio.run(_ask(entry.proposal))
    by = f"reader {model}"
    annotate(path, LinkAnnotated(link, by, opinion.remarks, entry.hashes, opinion.vetoes), by)
    suspended = False
    if opinion.vetoes and entry.approved:
        reason = f"the reader found a difference: {opinion.vetoes[0].text}"
        suspended = decide(path, "link_suspend", {"link": link, "reason": reason}, by)[0].done
    if as_json:
        say_json(
            {
                "link": link,
                "by": by,
                "remarks": list(opinion.remarks),
                "vetoes": [{"code": veto.code, "text": veto.text} for veto in opinion.vetoes],
                "discarded": list(opinion.discarded),
                "suspended": suspended,
            }
        )
        return
    for veto in opinion.vetoes:
        say(f"AGAINST   {veto.text}")
    for remark in opinion.remarks:
        say(f"remark    {remark}")
    for text in opinion.discarded:
        say(f"not used  {text}")
    if suspended:
        say(f"link {link}: suspended until a person has looked")


async def _ask(proposal: LinkProposed) -> tuple[Opinion, str]:
    from dutchbook.analysts.rules_reader import RulesReader
    from dutchbook.settings import load_here

    settings = load_here(os.environ, Path.cwd())
    key = settings.secrets.anthropic_api_key
    if key is None:
        raise CredentialsError("ANTHROPIC_API_KEY: missing; the reader of rules needs it in the environment or in .env")
    reader = RulesReader(key.reveal(), model=settings.anthropic.model, base_url=settings.anthropic.base_url)
    try:
        return await reader.read(proposal), settings.anthropic.model
    finally:
        await reader.close()
