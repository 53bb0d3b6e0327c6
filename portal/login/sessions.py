"""Django's sessions in the database, with two differences.

Each has the user it is of, so that it can be ended with that user's rights; and its key is kept as a hash, so that a
copy of the database opens nobody's session.
"""

from hashlib import sha256
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from portal.login.models import Session


def hash_of(key: str | None) -> str:
    # As long as the column; the key has 160 bits as well.
    return sha256((key or "").encode()).hexdigest()[:40]


class SessionStore(DatabaseStore):
    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def _get_session_from_db(self) -> Any:
        live = Session.objects.filter(session_key=hash_of(self.session_key), expire_date__gt=timezone.now())
        found = live.first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(session_key=hash_of(session_key)).exists()

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        row: Any = super().create_model_instance(data)
        row.session_key = hash_of(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row

    def delete(self, session_key: str | None = None) -> None:
        if (key := session_key or self.session_key) is not None:
            Session.objects.filter(session_key=hash_of(key)).delete()


def end_sessions(user: User) -> int:
    """Of the user, in every browser; how many."""
    return Session.objects.filter(user_id=user.pk).delete()[0]
