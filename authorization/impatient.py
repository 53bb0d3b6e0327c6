"""Redis for what a request waits for: asked briefly, once, and left alone for a while where it did not answer."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE = 0.1  # seconds
REST = 1.0  # seconds without asking it, once it did not answer


def client(url: str) -> redis.Redis:
    """Raises ValueError for a wrong URL."""
    return redis.Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=Retry(NoBackoff(), 0)
    )
