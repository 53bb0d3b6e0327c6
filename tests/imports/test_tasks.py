"""A task that a web process sends arrives where the workers look."""

import json
from typing import Any

import pytest
from celery import current_app
from django.conf import settings

from tests.imports.conftest import Desk


@pytest.mark.django_db(transaction=True)
def test_a_large_file_is_sent_to_our_broker(desk: Desk, emsp: Any) -> None:
    assert current_app.conf.broker_url == settings.CELERY_BROKER_URL
    body = desk.upload("uid\n" + "".join(f"04{n:012X}\n" for n in range(40_000)), emsp=emsp)
    wanted = ("imports.tasks.work", [body["id"]])
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery")
        while True:  # other tests send theirs; none raises Empty
            message = queue.get(timeout=5)
            message.ack()
            if (message.headers["task"], json.loads(message.body)[0]) == wanted:
                return
