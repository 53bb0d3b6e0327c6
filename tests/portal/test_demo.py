"""The demo world: nothing twice, the same for the same seed, and full of what the product is about."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.contrib.auth import authenticate as log_in
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, override_settings

from authorization.engine.reasons import Reason
from authorization.models import (
    AuthorizationListEntry,
    ChargeException,
    Decision,
    ExceptionGroup,
    GroupMember,
    Revision,
)
from locations.access import granted_cpos
from locations.models import CPO, EVSE, ChargeStation, Location
from portal.demo import crowd, people
from portal.demo.rows import World
from portal.demo.seed import Seeded, seed
from portal.demo.world import build
from tokens import ids
from tokens.access import granted_emsps
from tokens.models import EMSP, Customer, Driver, Token

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
FEW = crowd.Measure(cpos=4, locations=60, emsps=3, customers=40, drivers=100, tokens=400, exceptions=20)
TABLES = list(World.__dataclass_fields__)


def quiet(line: str) -> None:
    """No progress."""


@pytest.fixture(autouse=True)
def data_dir(settings: LazySettings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path / "var"
    return tmp_path / "var"


@pytest.fixture
def seeded(db: None) -> Seeded:
    made = seed("small", 1, NOW, quiet)
    assert made is not None
    return made


def counts() -> dict[str, int]:
    """Rows by table, history and log-ins included."""
    return {model._meta.label: model._default_manager.count() for model in apps.get_models(include_auto_created=True)}


class TestWorld:
    """Without a database."""

    @pytest.mark.parametrize("size", ["small", "few"])
    def test_the_same_seed_gives_the_same_rows(self, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(crowd.MEASURES, "few", FEW)
        first, second = build(size, 7, NOW), build(size, 7, NOW)
        for table in TABLES:
            assert list(getattr(first, table)) == list(getattr(second, table))

    def test_another_seed_gives_other_places_and_people(self) -> None:
        first, second = build("small", 1, NOW), build("small", 2, NOW)
        assert [*first.locations] != [*second.locations]
        assert [*first.tokens] != [*second.tokens]
        assert [*first.cpos] == [*second.cpos]

    def test_sizes(self) -> None:
        small = build("small", 1, NOW)
        assert 24 < len([*small.locations]) < 100
        assert 200 < len([*small.tokens]) < 1000
        assert crowd.MEASURES["medium"].tokens + len([*small.tokens]) == pytest.approx(50_000, rel=0.01)
        assert crowd.MEASURES["large"].tokens >= 1_000_000
        assert crowd.MEASURES["large"].locations >= 100_000
        assert crowd.MEASURES["large"].exceptions >= 10_000

    def test_check_digits_are_right(self) -> None:
        given = [row.auth_id for row in build("small", 1, NOW).tokens if row.auth_id]
        assert len(given) > 100
        assert not [auth_id for auth_id in given if ids.auth_id_warning(auth_id)]

    def test_it_is_as_untidy_as_real_life(self) -> None:
        world = build("small", 1, NOW)
        locations = [*world.locations]
        assert any(not row.city for row in locations)
        assert any(row.latitude is None for row in locations)
        assert any(row.name.isupper() for row in locations)
        assert any("  " in row.name for row in (*locations, *world.customers))
        assert any("ü" in row.name for row in world.customers)
        zones = {row.time_zone for row in locations}
        assert zones >= {
            "Australia/Lord_Howe",
            "Asia/Kathmandu",
            "America/St_Johns",
            "Europe/Amsterdam",
            "Europe/Berlin",
            "Africa/Casablanca",
        }


@pytest.fixture(scope="class")
def standing(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seeded]:
    """One small world for the tests of a class that only look at it."""
    with django_db_blocker.unblock(), override_settings(DATA_DIR=tmp_path_factory.mktemp("var")), transaction.atomic():
        made = seed("small", 1, NOW, quiet)
        assert made is not None
        yield made
        transaction.set_rollback(True)


@pytest.mark.usefixtures("standing", "db")
class TestSeeded:
    def test_what_there_is_of_everything(self) -> None:
        assert CPO.objects.filter(parent__isnull=False).exists()
        assert EMSP.objects.filter(blocked=True).exists()
        assert Location.objects.filter(published=False, authorization_list__isnull=True).exists()
        assert ChargeStation.objects.filter(authorization_required=False).exists()
        kinds = set(Token.objects.values_list("type", flat=True))
        assert kinds == {"RFID", "EMAID", "MAC_ADDRESS", "KEY_CODE", "APP_USER", "AD_HOC_USER", "OTHER"}
        assert Token.objects.filter(external=True).count() == 2
        assert Token.objects.filter(valid=False).exists()
        assert Token.objects.filter(expires_at__lt=NOW).exists()
        assert Token.objects.filter(auth_id_normal="NLTVMC00020010").count() == 3

    def test_a_private_location_names_customers_cards_and_an_external_contract(self) -> None:
        entries = AuthorizationListEntry.objects.filter(location__location_id="GFX-HQ")
        assert entries.filter(customer__isnull=False).exists()
        assert entries.filter(token__external=True).exists()
        assert entries.filter(token__external=False).exists()
        assert not Location.objects.get(location_id="GFX-HQ").published

    def test_groups_of_every_category_and_an_empty_one(self) -> None:
        used = set(GroupMember.objects.values_list("category", flat=True))
        assert used == set(ExceptionGroup.Category.values)
        assert ExceptionGroup.objects.filter(members=None).count() == 1
        assert ExceptionGroup.objects.filter(owner_cpo__isnull=False).exists()
        assert ExceptionGroup.objects.filter(owner_emsp__isnull=False).exists()
        assert ExceptionGroup.objects.filter(owner_cpo=None, owner_emsp=None).exists()

    def test_exceptions_of_all_four_kinds_are_over_in_force_and_to_come(self) -> None:
        today = NOW.replace(tzinfo=None)
        found = {(row.action, row.direction, _when(row, today)) for row in ChargeException.objects.filter(enabled=True)}
        for action in ("whitelist", "blacklist"):
            for direction in ("emsp_for_cpo", "cpo_for_emsp"):
                assert {when for *kind, when in found if kind == [action, direction]} == {"past", "present", "future"}
        assert ChargeException.objects.filter(enabled=False).count() == 1

    def test_no_row_was_left_out(self) -> None:
        """Everything that names something found it."""
        world = build("small", 1, NOW)
        tables: dict[str, Any] = {
            "cpos": CPO,
            "locations": Location,
            "stations": ChargeStation,
            "evses": EVSE,
            "customers": Customer,
            "drivers": Driver,
            "tokens": Token,
            "groups": ExceptionGroup,
            "members": GroupMember,
            "exceptions": ChargeException,
            "lists": AuthorizationListEntry,
        }
        for name, model in tables.items():
            assert model.objects.count() == len(list(getattr(world, name))), name


def _when(row: ChargeException, today: datetime) -> str:
    if row.valid_until is not None and row.valid_until <= today:
        return "past"
    return "future" if row.valid_from is not None and row.valid_from > today else "present"


@pytest.mark.usefixtures("standing", "db")
class TestDay:
    def test_every_reason_was_given(self) -> None:
        assert set(Decision.objects.values_list("reason", flat=True)) == {reason.value for reason in Reason}

    def test_it_is_the_day_before_now_in_order(self, standing: Seeded) -> None:
        times = [row.decided_at for row in Decision.objects.order_by("id")]
        assert len(times) == standing.decisions >= 300
        assert NOW - timedelta(days=1) < times[0]
        assert times[-1] < NOW
        assert all(earlier <= later for earlier, later in pairwise(times))

    def test_most_people_could_charge(self, standing: Seeded) -> None:
        accepted = Decision.objects.filter(accepted=True).count()
        assert 0.5 < accepted / standing.decisions < 0.9

    def test_no_token_stands_in_the_log(self) -> None:
        assert not Decision.objects.filter(token_pseudonym__contains="04A2B3").exists()
        assert Decision.objects.exclude(token_pseudonym="").exists()


class TestTwice:
    def test_the_same_seed_adds_nothing(self, seeded: Seeded, data_dir: Path) -> None:
        before, revision, file = counts(), Revision.objects.get().value, (data_dir / "demo.json").read_text()
        again = seed("small", 1, NOW + timedelta(hours=5), quiet)
        assert again is not None
        assert (again.rows, again.decisions, again.demo_is_new) == (0, 0, False)
        assert counts() == before
        assert Revision.objects.get().value == revision
        assert (data_dir / "demo.json").read_text() == file

    def test_another_seed_adds_to_it(self, seeded: Seeded) -> None:
        again = seed("small", 2, NOW, quiet)
        assert again is not None
        assert again.rows > 0
        assert not again.demo_is_new

    def test_what_somebody_changed_stays(self, seeded: Seeded) -> None:
        Location.objects.filter(location_id="GFX-MARKT").update(name="Renamed")
        seed("small", 1, NOW, quiet)
        assert Location.objects.get(location_id="GFX-MARKT").name == "Renamed"

    @pytest.mark.parametrize("there_is", ["user", "cpo", "emsp"])
    @pytest.mark.django_db
    def test_if_empty_leaves_a_database_with_anything_in_it(self, there_is: str) -> None:
        if there_is == "user":
            User.objects.create_user("somebody")
        else:
            {"cpo": CPO, "emsp": EMSP}[there_is].objects.create(country_code="NL", party_id="ABC", name="A")
        before = counts()
        assert seed("small", 1, NOW, quiet, if_empty=True) is None
        assert counts() == before

    def test_a_crowd_comes_on_top_without_history(self, seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(crowd.MEASURES, "few", FEW)
        history = Token.pgh_event_model.objects.count()  # type: ignore[attr-defined]
        tokens, members = Token.objects.count(), GroupMember.objects.count()
        world, core = build("few", 1, NOW), build("small", 1, NOW)
        again = seed("few", 1, NOW, quiet)
        assert again is not None
        assert again.rows == sum(len(list(getattr(world, name))) - len(list(getattr(core, name))) for name in TABLES)
        assert Token.objects.count() == tokens + 400
        assert GroupMember.objects.count() > members
        assert Token.pgh_event_model.objects.count() == history  # type: ignore[attr-defined]
        assert ChargeException.objects.count() == 20 + len(core.exceptions)  # type: ignore[arg-type]

    @pytest.mark.django_db
    def test_if_empty_fills_an_empty_database(self) -> None:
        assert seed("small", 1, NOW, quiet, if_empty=True) is not None


class TestPeople:
    def test_they_can_log_in_and_see_what_they_were_granted(self, seeded: Seeded) -> None:
        users = {
            name: log_in(HttpRequest(), username=name, password=password)
            for name, password in seeded.demo.users.items()
        }
        assert set(users) == {"admin", "cpo", "emsp"}
        assert all(user is not None and user.is_staff for user in users.values())
        assert {name for name, user in users.items() if user and user.is_superuser} == {"admin"}
        parties = CPO.objects.filter(pk__in=granted_cpos(users["cpo"]))
        assert {cpo.code for cpo in parties} == {"NL-GFX", "NL-GFP"}
        assert {emsp.code for emsp in EMSP.objects.filter(pk__in=granted_emsps(users["emsp"]))} == {"NL-TVM"}

    def test_the_file_is_for_its_owner_alone(self, seeded: Seeded, data_dir: Path) -> None:
        file = data_dir / "demo.json"
        assert file.stat().st_mode & 0o777 == 0o600
        kept = json.loads(file.read_text())
        assert set(kept) == {"database", "users", "api_key", "curl_body"}
        assert kept["users"] == seeded.demo.users

    def test_the_printed_question_is_allowed(self, seeded: Seeded) -> None:
        answer = Client().post(
            "/api/v1/authorize",
            seeded.demo.curl_body,
            content_type="application/json",
            headers={"Authorization": f"Token {seeded.demo.api_key}"},
        )
        assert (answer.status_code, answer.json()["reason"]) == (200, "ALLOWED")

    def test_lost_log_ins_are_not_made_up(self, seeded: Seeded, data_dir: Path) -> None:
        """Another data directory on the same database: a password that somebody may have changed is not reset."""
        (data_dir / "demo.json").unlink()
        again = seed("small", 1, NOW, quiet)
        assert again is not None
        assert again.demo.users == {}
        assert again.demo.api_key
        assert log_in(HttpRequest(), username="admin", password=seeded.demo.users["admin"]) is not None

    def test_the_file_of_another_database_is_replaced(self, data_dir: Path, db: None) -> None:
        data_dir.mkdir()
        file = data_dir / "demo.json"
        file.write_text(json.dumps({"database": "x", "users": {"admin": "old"}, "api_key": "cw_x_y", "curl_body": {}}))
        made = seed("small", 1, NOW, quiet)
        assert made is not None
        assert made.demo.users["admin"] != "old"
        assert people.path().stat().st_mode & 0o777 == 0o600


class TestCommand:
    def test_it_says_who_can_log_in(self, db: None, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("seed_demo")
        said = capsys.readouterr().out
        assert "admin  password " in said
        assert "curl -H 'Authorization: Token cw_" in said
        call_command("seed_demo")
        assert capsys.readouterr().out == "0 rows and 0 decisions are new.\n"
        call_command("seed_demo", "--if-empty")
        assert "nothing to do" in capsys.readouterr().out

    def test_not_in_production(self, db: None, settings: LazySettings) -> None:
        settings.PRODUCTION = True
        with pytest.raises(CommandError, match="--force"):
            call_command("seed_demo")
        call_command("seed_demo", "--force")
        assert CPO.objects.exists()
