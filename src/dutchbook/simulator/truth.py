"""The true probabilities of one scripted event: what the makers see late and through noise.

The only floats of the simulator live here and in the makers' views; they never touch cash. A path depends on its seed
and its start alone, not on when it is looked at.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Sequence

from dutchbook.core.clock import MILLISECOND, SECOND

GRID = 50 * MILLISECOND
"""Probabilities move in steps of this many nanoseconds."""
WINDOW = 80
"""How many steps back one can look: longer than any maker's lag."""
DIFFUSION = 0.022
"""Standard deviation of a state's log-odds per square root of a second."""
JUMPS_PER_SECOND = 1 / 11
JUMP_LEAST = 0.1
JUMP_MEAN_MORE = 0.14
"""News: one state's log-odds move up or down by at least this much, and exponentially more."""
PULL_PER_SECOND = 1 / 120
"""Pull back to the event's usual odds, so that a world that runs for hours still has something to trade."""


class Truth:
    """Log-odds of each state diffuse, jump and are pulled back; probabilities are their softmax."""

    def __init__(self, seed: str, odds: Sequence[float], started_ns: int, speed: float) -> None:
        """`odds` are positive weights of the states; `speed` scales the rate of news, 1 being a lively market."""
        self._random = random.Random(seed)
        self._started = started_ns
        self._dt = GRID / SECOND * speed
        self._usual = [math.log(weight) + self._random.gauss(0.0, 0.35) for weight in odds]
        self._logits = list(self._usual)
        self._path: deque[tuple[float, ...]] = deque([_softmax(self._logits)], maxlen=WINDOW)
        self._newest = 0

    def at(self, now: int) -> tuple[float, ...]:
        """Probability of each state at `now` (wall ns); before the start, the start; before the window, its edge."""
        step = max(0, (now - self._started) // GRID)
        while self._newest < step:
            self._advance()
        back = min(self._newest - step, len(self._path) - 1)
        return self._path[-1 - back]

    def _advance(self) -> None:
        draw = self._random
        deviation = DIFFUSION * math.sqrt(self._dt)
        for state, usual in enumerate(self._usual):
            logit = self._logits[state]
            self._logits[state] = logit + PULL_PER_SECOND * self._dt * (usual - logit) + draw.gauss(0.0, deviation)
        if draw.random() < JUMPS_PER_SECOND * self._dt:
            size = JUMP_LEAST + draw.expovariate(1 / JUMP_MEAN_MORE)
            self._logits[draw.randrange(len(self._logits))] += size if draw.random() < 0.5 else -size
        self._path.append(_softmax(self._logits))
        self._newest += 1


def _softmax(logits: Sequence[float]) -> tuple[float, ...]:
    top = max(logits)
    weights = [math.exp(logit - top) for logit in logits]
    total = sum(weights)
    return tuple(weight / total for weight in weights)
