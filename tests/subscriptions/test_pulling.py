"""Some thousands of rows page by page while others change; the long form is `make bench ARGS=pull`."""

import pytest

from locations.models import Location
from tests import factories
from tests.benchmarks import pull
from tests.refusals import sql
from tokens.models import Token

pytestmark = pytest.mark.django_db
ROWS = 2_000


@pytest.mark.parametrize("kind", ["tokens", "locations"])
def test_each_comes_once_and_the_last_page_reads_no_more_than_the_first(kind: str) -> None:
    emsp, cpo = factories.emsp(), factories.cpo()
    if kind == "tokens":
        Token.objects.bulk_create(Token(emsp=emsp, uid=f"{n:08X}", type="RFID") for n in range(ROWS))
    else:
        places = (Location(cpo=cpo, location_id=f"L{n}", name=f"{n}", time_zone=cpo.time_zone) for n in range(ROWS))
        Location.objects.bulk_create(places)
    # As with millions, of which the planner would not read all for a page.
    sql("ANALYZE tokens_token, locations_location")
    sql("SET LOCAL enable_seqscan = off")
    client = pull.partner()
    walk = pull.walked(client, kind, 50)
    assert len(walk.seconds) >= ROWS // 50
    first, middle, last = walk.deciles(walk.read)
    assert max(first, middle, last) <= 1.3 * min(first, middle, last)
    # By its offset alone a page reads all that is before it.
    before = pull.rows_read()
    client.get(f"/ocpi/2.1.1/{kind}/", {"offset": ROWS - 60, "limit": 50})
    assert pull.rows_read() - before > 1.3 * last
