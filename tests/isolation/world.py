"""Two sides that share nothing: a whole set of objects is the asker's own, another a stranger's, full of canaries."""

from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db.models import AutoField
from django.utils import timezone

from authorization.services import create_key
from imports.models import Import
from locations.access import MANAGE_CPO, grant, grants
from locations.models import CPO
from people.models import Erasure
from subscriptions.models import Subscription
from tests import factories
from tests.portal.test_admin import a_command, decision, in_use
from tests.refusals import sql

MISSING = 987_654_321
# What nobody but the stranger may read, and what a manager of the other kind may: names of CPOs and locations.
SECRET, NAME = "canary", "openname"


@dataclass
class Side:
    """One object of each kind, by the name of its URLs."""

    objects: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> Any:
        return self.objects[kind]

    def pk(self, kind: str) -> int:
        return int(self.objects[kind].pk)


def side(secret: str, name: str, party: str, country: str) -> Side:
    """All text is made of `secret`, or of `name` where it may be read by others."""
    o: dict[str, Any] = {}
    o["cpo"] = factories.cpo(country_code=country, party_id=party, name=f"{name} cpo", time_zone="Asia/Kathmandu")
    o["location"] = factories.location(
        o["cpo"], location_id=f"{name}-loc", name=f"{name} place", address=f"{secret} street", city=f"{secret} city",
        postal_code=f"{secret} 1", time_zone="Asia/Kathmandu",
    )  # fmt: skip
    o["chargestation"] = factories.station(o["location"], identity=f"{secret}-station")
    o["evse"] = factories.evse(
        o["location"], uid=f"{secret}-evse", evse_id=f"{country}*{party}*E{secret}", station=o["chargestation"]
    )
    o["emsp"] = factories.emsp(country_code=country, party_id=party, name=f"{secret} emsp")
    o["customer"] = factories.customer(o["emsp"], name=f"{secret} customer", external_id=f"{secret}-c")
    o["driver"] = factories.driver(o["customer"], name=f"{secret} driver", external_id=f"{secret}-d")
    o["token"] = factories.token(
        driver=o["driver"], type="KEY_CODE", uid=f"{secret}-uid", auth_id=f"{secret}-auth", issuer=secret,
        visual_number=f"{secret}-v",
    )  # fmt: skip
    o["places"] = factories.group("location", o["location"], owner_cpo=o["cpo"], name=f"{secret} places", notes=secret)
    o["cards"] = factories.group("token", o["token"], owner_emsp=o["emsp"], name=f"{secret} cards", notes=secret)
    guests = factories.group("token", owner_cpo=o["cpo"], name=f"{secret} guests")
    where = factories.group("location", o["location"], owner_emsp=o["emsp"], name=f"{secret} where")
    o["of_cpo"] = factories.exception(
        "blacklist", "emsp_for_cpo", [o["places"]], [guests], owner_cpo=o["cpo"], name=f"{secret} rule", notes=secret
    )
    o["of_emsp"] = factories.exception(
        "whitelist", "cpo_for_emsp", [where], [o["cards"]], owner_emsp=o["emsp"], name=f"{secret} rule", notes=secret
    )
    o["directorygrant"] = factories.directory(o["emsp"], o["cpo"])
    o["directorygrant"].enabled = False
    o["directorygrant"].save()
    o["apikey"] = create_key(station=o["chargestation"], name=f"{secret} key")[0]
    o["decision"] = decision(
        location=o["location"], token=o["token"], rule=o["of_cpo"], api_key=o["apikey"], caller=f"{secret} caller",
        place=f"{secret} at", request_id=f"{secret}-r",
    )  # fmt: skip
    o["authorizationinuse"] = in_use(
        station=o["chargestation"], evse=o["evse"], token=o["token"], presented=f"{secret}-uid",
        message_id=f"{secret}-m", reference=f"{secret}-t",
    )  # fmt: skip
    o["command"] = a_command(station=o["chargestation"], evse=o["evse"], token=o["token"], detail=f"{secret} detail")
    o["user"] = factories.manager(o["cpo"], o["emsp"], username=f"{secret}-user", email=f"{secret}@example.org")
    o["group"] = Group.objects.create(name=f"{secret} role")
    o["grant"] = grants((MANAGE_CPO, CPO)).get(user=o["user"])
    o["import"] = Import.objects.create(
        kind="tokens", emsp=o["emsp"], owner=o["user"], file_name=f"{secret}.csv", size=1, status="cancelled",
        message=secret, totals={secret: 1}, recognised={"columns": [secret]}, first_rows=[{"after": {"uid": secret}}],
    )  # fmt: skip
    o["subscription"] = Subscription.objects.create(
        name=f"{secret} partner", country_code=country, party_id=party, role="EMSP", modules=["locations"]
    )
    o["subscription"].cpos.add(o["cpo"])
    o["erasure"] = Erasure.objects.create(
        kind="driver", emsp=o["emsp"], by=o["user"], by_name=f"{secret}-user", at=timezone.now(), counts={secret: 1}
    )
    return Side(o)


def _far_numbers() -> None:
    """Ids from here on stand in no text by chance, and in no other table. Never back: an earlier world
    may have used them."""
    first = 700_000_000
    for app in ("locations", "tokens", "authorization", "subscriptions", "people", "auth", "guardian"):
        for model in apps.get_app_config(app).get_models():
            table = model._meta.db_table
            if isinstance(model._meta.pk, AutoField) and "event" not in table:
                sequence = "pg_get_serial_sequence(%s, 'id')"
                first += 1_000_000
                sql(f"SELECT setval({sequence}, greatest({first}, nextval({sequence})))", table, table)


@dataclass
class World:
    own: Side
    foreign: Side
    actors: dict[str, User | None]

    @classmethod
    def build(cls) -> "World":
        own = side("ours", "oursname", "OWN", "NL")
        _far_numbers()
        foreign = side(SECRET, NAME, "QQX", "QZ")
        # On the own list stands a stranger's card, on a stranger's one's own customer.
        factories.listed(own["location"], customer=foreign["customer"])
        factories.listed(foreign["location"], customer=own["customer"])
        cpo, emsp = own["cpo"], own["emsp"]
        roleless = factories.manager(username="roleless")
        grant(roleless, MANAGE_CPO, cpo)
        return cls(
            own,
            foreign,
            {
                "cpo manager": factories.manager(cpo, username="of-cpo"),
                "emsp manager": factories.manager(emsp, username="of-emsp"),
                "both": factories.manager(cpo, emsp, username="of-both"),
                "third": factories.manager(factories.cpo(name="third"), factories.emsp(name="third"), username="third"),
                "disabled": factories.manager(cpo, emsp, username="disabled", is_active=False),
                "roleless": roleless,
                "anonymous": None,
            },
        )
