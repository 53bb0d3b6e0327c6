"""import_locations: shapes of files, what changes and what stays, and what is said about rows that cannot be taken."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from authorization.models import AuthorizationListEntry, Revision
from locations.models import CPO, EVSE, Location
from locations.ocpi_import import Totals, import_locations
from tests import factories

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "ocpi"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cpo() -> CPO:
    return CPO.objects.create(country_code="NL", party_id="GFX", name="GridFlex", time_zone="Europe/Amsterdam")


def load(cpo: CPO, *objects: Any, dry_run: bool = False) -> tuple[Totals, list[str]]:
    """Imports these objects, one a line, and returns the totals and the lines reported."""
    lines: list[str] = []
    content = "\n".join(json.dumps(each) for each in objects).encode()
    return import_locations(
        cpo, io.BytesIO(content), lambda refusal: lines.append(str(refusal)), dry_run=dry_run
    ), lines


def load_bytes(cpo: CPO, content: bytes) -> tuple[Totals, list[str]]:
    lines: list[str] = []
    return import_locations(cpo, io.BytesIO(content), lambda refusal: lines.append(str(refusal))), lines


def history() -> int:
    return Location.pgh_event_model.objects.count() + EVSE.pgh_event_model.objects.count()  # type: ignore[attr-defined]


class TestFields:
    def test_a_211_list(self, cpo: CPO) -> None:
        totals, lines = load_bytes(cpo, (DATA / "ocpi_211.json").read_bytes())
        assert (totals.new, totals.failed, totals.evses_new, lines) == (2, 0, 2, [])
        location = Location.objects.get(location_id="GFX-001")
        assert (location.name, location.address, location.city) == ("Oude Gracht", "Oude Gracht 12", "Utrecht")
        assert (location.postal_code, location.country) == ("3511 AB", "NLD")
        assert (str(location.latitude), str(location.longitude)) == ("52.0907370", "5.1214200")
        assert (location.time_zone, location.published) == ("Europe/Amsterdam", True)
        assert list(location.evses.values_list("uid", "evse_id")) == [("1", "NL*GFX*E001*1"), ("2", "NL*GFX*E001*2")]

    def test_missing_and_null_fields_are_normal_and_the_zone_is_the_cpos(self, cpo: CPO) -> None:
        load_bytes(cpo, (DATA / "ocpi_211.json").read_bytes())
        location = Location.objects.get(location_id="GFX-002")
        assert (location.name, location.city, location.postal_code, location.latitude) == ("", "", "", None)
        assert (location.time_zone, location.evses.count()) == ("Europe/Amsterdam", 0)

    def test_a_221_response(self, cpo: CPO) -> None:
        totals, _ = load_bytes(cpo, (DATA / "ocpi_221_response.json").read_bytes())
        assert totals.new == 2
        assert dict(Location.objects.values_list("location_id", "published")) == {"GFX-101": False, "GFX-102": True}
        assert Location.objects.get(location_id="GFX-101").city == "Köln"

    def test_an_id_alone_is_enough(self, cpo: CPO) -> None:
        assert load(cpo, {"id": "X"})[0].new == 1

    @pytest.mark.parametrize(
        ("given", "kept"), [("NLD", "NLD"), ("nl", "NLD"), ("de", "DEU"), ("XKX", "XKX"), ("", "")]
    )
    def test_countries_come_with_two_letters_or_three(self, cpo: CPO, given: str, kept: str) -> None:
        load(cpo, {"id": "X", "country": given})
        assert Location.objects.get().country == kept


class TestShapes:
    one = {"id": "X", "name": "One"}

    @pytest.mark.parametrize(
        "content",
        [
            json.dumps(one),
            json.dumps(one, indent=2),
            json.dumps([one]),
            json.dumps({"data": one, "status_code": 1000}),
            json.dumps({"data": [one], "status_code": 1000}, indent=1),
            json.dumps({"content": [one], "totalPages": 1}),
            "\n\n" + json.dumps(one) + "\r\n",
            "\ufeff" + json.dumps([one]),
            json.dumps({"data": [one]}) + "\n" + json.dumps({"data": [{"id": "Y"}]}),
            '{"data": [\n{"id": "X", "name": "One"}\n]}',
        ],
    )
    def test_every_shape_is_read(self, cpo: CPO, content: str) -> None:
        load_bytes(cpo, content.encode())
        assert Location.objects.get(location_id="X").name == "One"

    def test_gzip_is_known_by_its_content(self, cpo: CPO) -> None:
        assert load_bytes(cpo, gzip.compress(json.dumps([self.one]).encode()))[0].new == 1

    def test_lines_after_a_damaged_first_one_load(self, cpo: CPO) -> None:
        totals, lines = load_bytes(cpo, b'{"id": "A", "name": "cut,\n{"id": "B"}\n{"id": "C"}\n')
        assert (totals.new, totals.failed) == (2, 1)
        assert lines[0].startswith("line 1: is no JSON")

    def test_nonsense_in_the_first_line(self, cpo: CPO) -> None:
        totals, lines = load_bytes(cpo, b'oops\n{"id": "B"}\n{"id": "C"}\n')
        assert (totals.new, totals.failed) == (2, 1)
        assert lines[0].startswith("line 1: is no JSON")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"\n \n", "is empty"),
            (b"[]", "holds no locations"),
            (b'{"data": [], "status_code": 1000}', "holds no locations"),
            (b'[{"id": "A"},', "is no JSON"),
            (b"<html>", "is no JSON"),
            (b'{"status_code": 2001, "status_message": "no"}', "OCPI answer without locations: status_code 2001"),
            (gzip.compress(b'[{"id": "A"}]', mtime=0)[:-9], "is damaged"),
            (b"[" * 100_000, "is no JSON"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_one_line(self, cpo: CPO, tmp_path: Path, content: bytes, said: str) -> None:
        file = tmp_path / "file"
        file.write_bytes(content)
        with pytest.raises(CommandError) as error:
            call_command("import_locations", str(file), cpo="NL-GFX")
        assert said in str(error.value)
        assert "\n" not in str(error.value)
        assert not Location.objects.exists()


class TestAgain:
    def test_a_second_run_writes_nothing(self, cpo: CPO) -> None:
        content = (DATA / "ocpi_211.json").read_bytes()
        load_bytes(cpo, content)
        before = history()
        totals, _ = load_bytes(cpo, content)
        assert (totals.new, totals.changed, totals.unchanged) == (0, 0, 2)
        assert (totals.evses_new, totals.evses_changed) == (0, 0)
        assert history() == before

    def test_only_what_the_object_says_changes(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "name": "Old", "city": "Utrecht", "coordinates": {"latitude": "1", "longitude": "2"}})
        totals, _ = load(cpo, {"id": "X", "name": "New", "city": None}, {"id": "Y"})
        location = Location.objects.get(location_id="X")
        assert (totals.changed, totals.new) == (1, 1)
        assert (location.name, location.city, location.latitude) == ("New", "Utrecht", 1)

    def test_an_empty_text_empties_the_field(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "name": "Old"})
        load(cpo, {"id": "X", "name": ""})
        assert Location.objects.get().name == ""

    def test_the_same_id_of_another_cpo_is_another_location(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "name": "Mine"})
        load(factories.cpo(), {"id": "X", "name": "Theirs"})
        assert Location.objects.filter(location_id="X").count() == 2

    def test_a_dry_run_counts_and_changes_nothing(self, cpo: CPO) -> None:
        revision = Revision.objects.get().value
        assert load(cpo, {"id": "X"}, dry_run=True)[0].new == 1
        assert not Location.objects.exists()
        assert Revision.objects.get().value == revision


class TestPublished:
    def test_211_objects_leave_it_alone(self, cpo: CPO) -> None:
        Location.objects.create(cpo=cpo, location_id="X", published=False)
        load(cpo, {"id": "X", "name": "New"})
        assert not Location.objects.get().published

    def test_an_object_closes_but_never_opens(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "publish": True})
        load(cpo, {"id": "X", "publish": False})
        assert not Location.objects.get().published
        load(cpo, {"id": "X", "publish": True})
        assert not Location.objects.get().published

    def test_a_private_location_stays_private(self, cpo: CPO) -> None:
        load(cpo, {"id": "X"})
        location = Location.objects.get()
        AuthorizationListEntry.objects.create(location=location, customer=factories.customer())
        totals, lines = load(cpo, {"id": "X", "publish": True, "name": "New"})
        location.refresh_from_db()
        assert (location.published, location.name, totals.failed, lines) == (False, "New", 0, [])


class TestRefusals:
    def test_each_row_that_cannot_be_taken_is_one_line_and_the_others_load(self, cpo: CPO) -> None:
        totals, lines = load_bytes(cpo, (DATA / "untidy.ndjson").read_bytes())
        assert set(Location.objects.values_list("location_id", flat=True)) == {"OK-1", "EVSES", "4712"}
        assert (totals.new, totals.failed, totals.evses_new, totals.evses_refused) == (3, 9, 1, 4)
        said = "\n".join(lines)
        for text in (
            "line 3, location '': id is missing",
            "line 4, location '0123456789012345678901234567890123456789': id",
            "has 40 characters, at most 39 fit",
            "line 5, location LAT: coordinates latitude '91.0' is not between -90 and 90",
            "line 6, location ZONE: name 7 is no text; time_zone 'Europe/Nowhere' is no IANA time zone",
            "line 7: is no JSON",
            "line 8, location OK-1: id stands twice in this file, first at line 1",
            "line 9, location '\\u0421yrillic': id",
            "line 10, location : object",
            "line 11, location EVSES: EVSE b: evse_id nlgfxe900 stands twice, first at line 11",
            "line 11, location EVSES: evses[2].uid is missing",
            "line 11, location EVSES: evses[3].uid 'a' stands twice in this location",
            "line 11, location EVSES: evses[4] 5 is no EVSE object",
            "line 12, location 4711: country 'Holland' is no country code",
        ):
            assert text in said
        assert len(lines) == 13

    def test_names_are_kept_as_found_and_coordinates_to_the_centimetre(self, cpo: CPO) -> None:
        load_bytes(cpo, (DATA / "untidy.ndjson").read_bytes())
        location = Location.objects.get(location_id="OK-1")
        assert (location.name, location.country) == ("STATION   ONE", "NLD")
        assert (str(location.latitude), str(location.longitude)) == ("52.5000000", "4.1234568")

    @pytest.mark.parametrize(
        "fields",
        [
            {"coordinates": {"latitude": "52,1", "longitude": "5"}},
            {"coordinates": {"latitude": "52.1"}},
            {"coordinates": {"latitude": "NaN", "longitude": "5"}},
            {"coordinates": {"latitude": "1e999999", "longitude": "5"}},
            {"coordinates": {"latitude": True, "longitude": "5"}},
            {"coordinates": "52.1,5.0"},
            {"name": "x" * 256},
            {"name": "NUL\0"},
            {"name": ["list"]},
            {"postal_code": 6492},
            {"publish": "yes"},
            {"evses": {"uid": "1"}},
            {"country": "N L"},
        ],
    )
    def test_bad_values(self, cpo: CPO, fields: dict[str, Any]) -> None:
        totals, lines = load(cpo, {"id": "BAD"} | fields, {"id": "GOOD"})
        assert (totals.new, totals.failed, len(lines)) == (1, 1, 1)
        assert lines[0].startswith(f"line 1, location BAD: {next(iter(fields))} ")


class TestEvses:
    def test_absent_ones_stay_and_removed_ones_go(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "evses": [{"uid": "1"}, {"uid": "2"}, {"uid": "3"}]})
        totals, _ = load(cpo, {"id": "X", "evses": [{"uid": "2", "status": "REMOVED"}, {"uid": "4", "evse_id": "E4"}]})
        assert list(EVSE.objects.values_list("uid", flat=True)) == ["1", "3", "4"]
        assert (totals.evses_removed, totals.evses_new, totals.unchanged) == (1, 1, 1)

    def test_an_id_that_another_location_has_is_refused_by_itself(self, cpo: CPO) -> None:
        other = factories.location()
        EVSE.objects.create(location=other, uid="1", evse_id="NL*ABC*E1")
        totals, lines = load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "nlabce1"}, {"uid": "2"}]})
        assert (totals.new, totals.evses_new, totals.evses_refused) == (1, 1, 1)
        assert lines == ["object 1, location X: EVSE 1: evse_id nlabce1 is taken"]

    def test_a_uid_can_be_replaced_and_ids_can_change_places(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "A"}, {"uid": "2", "evse_id": "B"}]})
        load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "B"}, {"uid": "2", "evse_id": "A"}]})
        assert dict(EVSE.objects.values_list("uid", "evse_id")) == {"1": "B", "2": "A"}
        totals, lines = load(
            cpo, {"id": "X", "evses": [{"uid": "9", "evse_id": "B"}, {"uid": "1", "evse_id": "B", "status": "REMOVED"}]}
        )
        assert dict(EVSE.objects.values_list("uid", "evse_id")) == {"9": "B", "2": "A"}
        assert (totals.evses_removed, totals.evses_new, lines) == (1, 1, [])

    def test_a_refusal_that_follows_from_a_refusal(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "A"}, {"uid": "2", "evse_id": "B"}]})
        load(factories.cpo(), {"id": "O", "evses": [{"uid": "1", "evse_id": "TAKEN"}]})
        totals, _ = load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "TAKEN"}, {"uid": "2", "evse_id": "A"}]})
        assert totals.evses_refused == 2
        assert dict(EVSE.objects.filter(location__cpo=cpo).values_list("uid", "evse_id")) == {"1": "A", "2": "B"}

    def test_the_station_of_an_evse_stays(self, cpo: CPO) -> None:
        load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "A"}]})
        station = factories.station(location=Location.objects.get())
        EVSE.objects.update(station=station)
        load(cpo, {"id": "X", "evses": [{"uid": "1", "evse_id": "B"}]})
        assert EVSE.objects.get().station == station


CONNECTOR = {"id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "voltage": 400, "amperage": 125}
KEPT = {
    "id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "max_voltage": 400, "max_amperage": 125,
}  # fmt: skip


class TestConnectors:
    def at(self, *evses: dict[str, Any]) -> dict[str, Any]:
        return {"id": "X", "evses": [{"uid": f"{n}"} | evse for n, evse in enumerate(evses, 1)]}

    def kept(self) -> list[Any]:
        return list(EVSE.objects.order_by("uid").values_list("connectors", flat=True))

    def test_they_are_kept_and_changed(self, cpo: CPO) -> None:
        load(cpo, self.at({"connectors": [CONNECTOR]}, {"evse_id": "E2"}))
        assert self.kept() == [[KEPT], []]
        other = CONNECTOR | {"amperage": 200}
        totals, _ = load(cpo, self.at({"connectors": [other]}, {"connectors": [other]}))
        assert (totals.evses_changed, totals.unchanged) == (2, 1)
        assert self.kept() == [[KEPT | {"max_amperage": 200}]] * 2
        assert EVSE.objects.get(uid="2").evse_id == "E2"
        load(cpo, self.at({"evse_id": "E1", "connectors": []}))
        assert self.kept() == [[], [KEPT | {"max_amperage": 200}]]

    def test_what_is_not_said_stays(self, cpo: CPO) -> None:
        load(cpo, self.at({"connectors": [CONNECTOR]}))
        before = history()
        later = CONNECTOR | {"last_updated": "2026-01-05T10:00:00Z", "voltage": "400"}
        totals, _ = load(cpo, self.at({}), self.at({}) | {"id": "Y"})
        assert (totals.evses_changed, totals.evses_new) == (0, 1)
        assert load(cpo, self.at({"connectors": None}))[0].evses_changed == 0
        assert load(cpo, self.at({"connectors": [later]}))[0].evses_changed == 0
        assert self.kept()[0] == [KEPT]
        assert history() == before + 2

    def test_one_that_cannot_be_taken_is_said_and_its_place_is_taken(self, cpo: CPO) -> None:
        bad = {"id": "2", "standard": "Type 2"}
        totals, lines = load(cpo, self.at({"evse_id": "E1", "connectors": [bad, CONNECTOR]}, {"connectors": [bad]}))
        assert (totals.new, totals.evses_new, totals.evses_refused, totals.connectors_left_out) == (1, 2, 0, 2)
        assert lines[0].startswith(
            "object 1, location X: evses[0].connectors[0].standard 'Type 2' is none of OCPI's: left out"
        )
        assert "; 2 connectors left out; " in str(totals)
        assert self.kept() == [[KEPT], []]
        # A list of which nothing can be taken says nothing.
        load(cpo, self.at({"connectors": [bad]}, {"connectors": "none", "status": "REMOVED"}))
        assert self.kept() == [[KEPT]]
        assert load(cpo, self.at({"connectors": {"id": "1"}}))[0].connectors_left_out == 1
        assert self.kept() == [[KEPT]]

    @pytest.mark.django_db(transaction=True)
    def test_they_are_no_revision(self, cpo: CPO) -> None:
        load(cpo, self.at({"connectors": [CONNECTOR]}))
        before, events = Revision.objects.get().value, history()
        assert load(cpo, self.at({"connectors": [CONNECTOR | {"voltage": 500}]}))[0].evses_changed == 1
        assert (Revision.objects.get().value, history()) == (before, events + 1)
        load(cpo, self.at({}, {}))
        assert Revision.objects.get().value == before + 1


class TestCommand:
    def test_a_connector_that_is_left_out_is_no_failure(self, cpo: CPO, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text(json.dumps({"id": "X", "evses": [{"uid": "1", "connectors": [{"id": "1"}]}]}))
        call_command("import_locations", str(file), cpo="NL-GFX")
        assert EVSE.objects.get().connectors == []

    def test_exit_code_and_summary(self, cpo: CPO, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("import_locations", str(DATA / "ocpi_211.json"), cpo="nl*gfx")
        assert capsys.readouterr().out.startswith("2 new, 0 changed, 0 unchanged, 0 failed; EVSEs: 2 new")
        with pytest.raises(SystemExit) as exit_:
            call_command("import_locations", str(DATA / "untidy.ndjson"), cpo="NL-GFX")
        captured = capsys.readouterr()
        assert exit_.value.code == 1
        assert captured.out.startswith("3 new, 0 changed, 0 unchanged, 9 failed")
        assert len(captured.err.splitlines()) == 13

    @pytest.mark.parametrize(
        ("file", "cpo_code", "said"),
        [
            ("nowhere.json", "NL-GFX", "cannot be read: No such file"),
            (".", "NL-GFX", "cannot be read: Is a directory"),
            ("ocpi_211.json", "NL-ABC", "There is no CPO NL-ABC"),
            ("ocpi_211.json", "Holland", "--cpo Holland: A party is a country code"),
        ],
    )
    def test_what_cannot_work_is_one_line(self, cpo: CPO, file: str, cpo_code: str, said: str) -> None:
        with pytest.raises(CommandError, match=said):
            call_command("import_locations", str(DATA / file), cpo=cpo_code)

    def test_standard_input(self, cpo: CPO, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"id": "X"}')))
        call_command("import_locations", "-", cpo="NL-GFX")
        assert Location.objects.get().location_id == "X"


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data is not beside the repository")
class TestFoundFiles:
    def test_the_specifications_example(self, cpo: CPO) -> None:
        content = (SHARED / "spec-2.1.1-d2" / "blocks" / "mod_locations_L432.json").read_bytes()
        totals, lines = load_bytes(cpo, content)
        assert (totals.new, totals.evses_new, lines) == (1, 2, [])
        location = Location.objects.get()
        assert (location.location_id, location.name, location.country) == ("LOC1", "Gent Zuid", "BEL")
        evse = location.evses.get(uid="3256")
        assert evse.evse_id == "BE-BEC-E041503001"
        assert [(each["id"], each["format"]) for each in evse.connectors] == [("1", "CABLE"), ("2", "SOCKET")]

    @pytest.mark.parametrize("name", ["small-locations.json", "small-page-locations-0.json"])
    def test_a_feed_full_of_nulls(self, cpo: CPO, name: str) -> None:
        totals, lines = load_bytes(cpo, (SHARED / "nl-ndw" / name).read_bytes())
        assert (totals.new, totals.evses_new, lines) == (2, 4, [])
        assert set(Location.objects.values_list("name", "time_zone")) == {("", "Europe/Amsterdam")}
        for evse in EVSE.objects.all():
            (connector,) = evse.connectors
            assert (connector["tariff_ids"], connector["max_voltage"], len(connector["id"])) == (["3"], 230, 36)

    def test_blocks_that_hold_no_location_load_nothing(self, cpo: CPO) -> None:
        content = (SHARED / "spec-2.1.1-d2" / "blocks" / "transport_and_format_L339.json").read_bytes()
        with pytest.raises(ValueError, match="OCPI answer without locations"):
            load_bytes(cpo, content)
