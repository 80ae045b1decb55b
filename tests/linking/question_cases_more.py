"""More pairs of questions: what a scanner by likeness of words would take for one bet. "different": not proposed, for
whatever reason.

A bar in the second title parts it from its subtitle.
"""

from __future__ import annotations

MORE: tuple[tuple[str, str, str], ...] = (
    (
        "same",
        "Will {q} become the next Prime Minister of {land}?",
        "Who will be the next Prime Minister of {land}? | {q}",
    ),
    (
        "different",
        "Will {q} be Prime Minister of {land} on December 31, {y}?",
        "Who will be the next Prime Minister of {land}? | {q}",
    ),
    ("same", "Will {p} win the {y} Ohio Senate election?", "Will {p} win the Senate race in Ohio in {y}?"),
    ("different", "Will {p} win the {y} Ohio Senate election?", "Will {p} win the Senate race in Iowa in {y}?"),
    (
        "different",
        "Will {p} win the Democratic primary for Ohio Senate in {y}?",
        "Will {p} be the Democratic nominee for Ohio Senate in {y}?",
    ),
    ("same", "US recession in {y}?", "Will there be a US recession in {y}?"),
    ("different", "US recession in {y}?", "Will there be a recession in Canada in {y}?"),
    ("same", "Will CPI rise by more than 0.3% in March {y}?", "Will CPI rise more than 0.3% in March {y}?"),
    ("different", "Will CPI rise by more than 0.3% in March {y}?", "Will core CPI rise more than 0.3% in March {y}?"),
    ("different", "Will CPI rise by more than 0.3% in March {y}?", "Will CPI rise more than 0.3% in April {y}?"),
    (
        "different",
        "Will inflation year over year be above 3% in March {y}?",
        "Will inflation month over month be above 3% in March {y}?",
    ),
    ("same", "Will the {c} {t} win the {dash} Premier League?", "Will {c} {t} win the Premier League {season}?"),
    (
        "different",
        "Will the {c} {t} win the {dash} Premier League?",
        "Will {c} {t} finish top 4 in the Premier League {season}?",
    ),
    (
        "different",
        "Will the {c} {t} be relegated from the {dash} Premier League?",
        "Will {c} {t} win the Premier League {season}?",
    ),
    ("different", "Will {p} win the {y} US Open?", "Will {p} win the {y} Australian Open?"),
    ("different", "Will {p} win the {y} Women's US Open?", "Will {p} win the {y} Men's US Open?"),
    ("same", "Will {co} acquire {uni}works in {y}?", "{co} acquires {uni}works in {y}?"),
    ("different", "Will {co} acquire {uni}works in {y}?", "Will {uni}works acquire {co} in {y}?"),
    ("different", "Will {co} release Model 6 by June 30, {y}?", "Will {co} announce Model 6 by June 30, {y}?"),
    ("different", "Will {co} release Model 6 by June 30, {y}?", "Will {co} release Model 5 by June 30, {y}?"),
    ("different", "Will gold close above $4,000 on March 31, {y}?", "Will gold hit $4,000 by March 31, {y}?"),
    ("different", "Will gold close above $4,000 on March 31, {y}?", "Will silver close above $4,000 on March 31, {y}?"),
    ("same", "Will gold close above $4,000 on March 31, {y}?", "Gold to close above $4,000 on Mar 31, {y}"),
    ("different", "Bitcoin above $100,000 on March 31?", "Bitcoin above $100,000 on March 31, 5pm ET?"),
    (
        "different",
        "Will 'The Long Road' win Best Picture at the 98th Academy Awards?",
        "Will 'The Long Road' be nominated for Best Picture at the 98th Academy Awards?",
    ),
    ("different", "Will {p} be Time Person of the Year {y}?", "Will {p} be Time Person of the Year {y1}?"),
    ("different", "Will more than 200 people attend?", "Will fewer than 200 people attend?"),
    (
        "inverse",
        "Will turnout be at least 60% in the {y} {land} election?",
        "Will turnout be below 60% in the {y} {land} election?",
    ),
    (
        "inverse",
        "Will turnout be more than 60% in the {y} {land} election?",
        "Will turnout be 60% or less in the {y} {land} election?",
    ),
    (
        "different",
        "Will the S&P 500 close above 7,000 on Dec 31, {y}?",
        "Will the Nasdaq 100 close above 7,000 on Dec 31, {y}?",
    ),
    ("same", "Will the S&P 500 close above 7,000 on Dec 31, {y}?", "S&P 500 closes above 7000 on December 31, {y}?"),
    ("different", "Will {land} win Group B at the {y} World Cup?", "Will {land} win the {y} FIFA World Cup?"),
    (
        "different",
        "Will {land} advance from Group B at the {y} World Cup?",
        "Will {land} win Group B at the {y} FIFA World Cup?",
    ),
    ("different", "Will the {t} win Game 3 of the {y} NBA Finals?", "Will the {t} win the {y} NBA Finals?"),
    ("different", "Will the {t} win the series 4-2?", "Will the {t} win the series 4-3?"),
    ("different", "Will {p} resign in {y}?", "Will {p} be out in {y}?"),
    ("different", "Will {p} be impeached in {y}?", "Will {p} be removed in {y}?"),
    ("different", "Will {p} be charged in {y}?", "Will {p} be convicted in {y}?"),
    (
        "inverse",
        "Will the {land} ceasefire hold through June 30, {y}?",
        "Will the {land} ceasefire not hold through June 30, {y}?",
    ),
    ("different", "Will {land} strike {land2} in {y}?", "Will {land2} strike {land} in {y}?"),
    ("different", "Will it snow in {c} on December 25, {y}?", "Will it rain in {c} on December 25, {y}?"),
    ("different", "Number of tweets by {p} May 1-8: 100-149", "Number of tweets by {p} May 1-8: 150-199"),
    (
        "same",
        "Number of tweets by {p} May 1-8, {y}: 100-149",
        "Will the number of tweets by {p} be between 100 and 149 from May 1 to May 8, {y}?",
    ),
    ("different", "Will {p}'s album debut at #1 in {y}?", "Will {p}'s album debut at #2 in {y}?"),
    (
        "different",
        "Will {p} win the popular vote in the 2028 presidential election?",
        "Will {p} win the 2028 presidential election?",
    ),
    (
        "different",
        "Will {p} win Iowa in the 2028 presidential election?",
        "Will {p} win the 2028 presidential election?",
    ),
    (
        "different",
        "Will the Republicans win the House and Senate in {y}?",
        "Will the Republicans win the House in {y}?",
    ),
    ("different", "Republicans win the House in {y}?", "Republicans win the Senate in {y}?"),
    ("same", "Republicans win the House in {y}?", "Will the Republican Party win the House in {y}?"),
    ("different", "Will {p} run for president in 2028?", "Will {p} win the presidency in 2028?"),
    ("same", "{p} vs. {r}", "{p} vs {r}: Who will win? | {p}"),
    ("inverse", "{p} vs. {r}", "{p} vs {r}: Who will win? | {r}"),
    ("different", "{p} vs. {r}: Set 1 Winner", "{p} vs {r}: Who will win? | {p}"),
    ("different", "{p} vs. {r}: Total Sets O/U 2.5", "{p} vs {r}: Who will win? | {p}"),
    ("different", "Will {p} beat {r}?", "Will {r} beat {p}?"),
    ("different", "Will X be banned in the US by June 30?", "Will X be banned in the EU by June 30?"),
    ("inverse", "Will {p} stay as CEO through {y}?", "{p} out as CEO in {y}?"),
    ("different", "Fed decision in March: 25 bps decrease", "Fed decision in March: 50 bps decrease"),
    ("different", "Fed decision in March: no change", "Fed decision in March: 25 bps decrease"),
    ("different", "Will 1 or 2 Fed rate cuts happen in {y}?", "Will 2 or 3 Fed rate cuts happen in {y}?"),
    ("same", "Will 2 Fed rate cuts happen in {y}?", "Will there be 2 Fed rate cuts in {y}?"),
    ("different", "Exactly 2 Fed rate cuts in {y}?", "At least 2 Fed rate cuts in {y}?"),
)
"""(what must become of them, one title, the other)."""
