"""A warning about something that lasts: given once, and again every so often while there is reason to."""

import logging
import time


class Complaint:
    def __init__(self, logger: logging.Logger, every: float) -> None:
        """every: seconds."""
        self._logger = logger
        self._every = every
        self._at = -every

    def __call__(self, problem: str, *, trace: bool = False) -> None:
        """trace: with the exception that is being handled."""
        now = time.monotonic()
        if now - self._at >= self._every:
            self._at = now
            self._logger.warning("%s", " ".join(problem.split()), exc_info=trace)
