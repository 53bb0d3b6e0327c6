from tests.imports.conftest import desk, desk_of, emsp  # noqa: F401
from tests.subscriptions.conftest import pushed, server  # noqa: F401
