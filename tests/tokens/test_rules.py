"""The database's rules about eMSPs, customers, drivers and tokens: they hold for the ORM, update() and SQL alike."""

from typing import Any

import pytest

from tests import factories
from tests.refusals import refused, sql
from tokens.models import EMSP, Customer, Driver, Token

pytestmark = pytest.mark.django_db


def tokens(pk: int) -> Any:
    return Token.objects.filter(pk=pk)


def test_a_party_is_unique_and_in_capitals() -> None:
    emsp = factories.emsp(country_code="NL", party_id="TNM")
    with refused("emsp_party_is_unique"):
        factories.emsp(country_code="NL", party_id="TNM")
    for wrong in ({"country_code": "nl"}, {"party_id": "Tnm"}, {"country_code": "N1"}, {"party_id": "T-M"}):
        with refused("emsp_party_has_its_form"):
            EMSP.objects.filter(pk=emsp.pk).update(**wrong)
    emsp.country_code, emsp.party_id = "be", "a1b"
    emsp.full_clean()
    assert emsp.code == "BE-A1B"


def test_external_ids_are_unique_within_their_owner_and_never_empty_text() -> None:
    emsp, other = factories.emsp(), factories.emsp()
    customer = factories.customer(emsp, external_id="C1")
    factories.customer(other, external_id="C1")
    factories.customer(emsp)
    factories.customer(emsp)
    with refused("customer_external_id_is_unique_per_emsp"):
        factories.customer(emsp, external_id="C1")
    with refused("customer_external_id_is_null_or_text"):
        Customer.objects.filter(pk=customer.pk).update(external_id="")
    factories.driver(customer, external_id="D1")
    factories.driver(factories.customer(emsp), external_id="D1")
    with refused("driver_external_id_is_unique_per_customer"):
        factories.driver(customer, external_id="D1")
    with refused("driver_external_id_is_null_or_text"):
        Driver.objects.filter(customer=customer).update(external_id="")


@pytest.mark.parametrize(
    ("kind", "one", "same", "other"),
    [
        ("RFID", "04A2B3C4", "04:a2 b3-c4", "04A2B3C5"),
        ("MAC_ADDRESS", "001B44113AB7", "00:1b:44:11:3a:b7", "001B44113AB8"),
        ("APP_USER", "ab-12", " AB-12 ", "ab12"),
    ],
)
def test_a_uid_is_unique_in_its_type_in_normal_form(kind: str, one: str, same: str, other: str) -> None:
    first = factories.token(type=kind, uid=one)
    with refused("token_uid_is_unique"):
        factories.token(type=kind, uid=same)
    with refused("token_uid_is_unique"):
        Token.objects.bulk_create([Token(emsp=first.emsp, type=kind, uid=same)])
    second = factories.token(type=kind, uid=other)
    with refused("token_uid_is_unique"):
        tokens(second.pk).update(uid=same)
    factories.token(type="OTHER", uid=one)
    with refused("token_uid_is_unique"):
        sql("UPDATE tokens_token SET type = %s WHERE type = 'OTHER'", kind)


def test_several_tokens_may_carry_one_auth_id_or_have_no_uid() -> None:
    emsp = factories.emsp()
    for _ in range(2):
        factories.token(emsp, auth_id="NL-TNM-C00122045-K")
    factories.token(emsp, uid="04", auth_id="nltnmc00122045")


def test_a_token_has_an_id_of_printable_characters() -> None:
    token = factories.token(auth_id="FA54320")
    with refused("token_has_an_id"):
        tokens(token.pk).update(auth_id=None)
    with refused("token_auth_id_is_not_empty"):
        tokens(token.pk).update(auth_id=" - ")
    for wrong in ("FA5432\u041e", "FA\t1", "FA1\n", "é"):
        with refused("token_auth_id_is_printable"):
            tokens(token.pk).update(auth_id=wrong)
        with refused("token_uid_is_printable"):
            tokens(token.pk).update(type="OTHER", uid=wrong)
    for empty in ("", " "):
        with refused("token_uid_is_printable"):
            tokens(token.pk).update(type="OTHER", uid=empty)


@pytest.mark.parametrize("kind", ["RFID", "MAC_ADDRESS"])
@pytest.mark.parametrize("uid", ["0G", "::", "04.A2"])
def test_a_card_is_hexadecimal(kind: str, uid: str) -> None:
    with refused("token_uid_is_hexadecimal"):
        factories.token(type=kind, uid=uid)


def test_the_uid_of_an_emaid_token_is_its_auth_id() -> None:
    token = factories.token(type="EMAID", uid="NLTNMC00122045K", auth_id="nl-tnm-c00122045")
    rule = "emaid_uid_is_its_auth_id"
    for change in ({"uid": "NLTNMC00122046"}, {"auth_id": "NLTNMC00122046"}, {"auth_id": None}, {"uid": None}):
        with refused(rule):
            tokens(token.pk).update(**change)
    card = factories.token(uid="04A2", auth_id="NLTNMC00122045")
    with refused(rule):
        tokens(card.pk).update(type="EMAID")


def test_type_and_whitelist_are_known_words() -> None:
    token = factories.token(auth_id="A1")
    with refused("token_type_is_known"):
        tokens(token.pk).update(type="rfid")
    with refused("token_whitelist_is_known"):
        tokens(token.pk).update(whitelist="SOMETIMES")


def test_a_token_belongs_to_an_emsp_unless_it_is_external() -> None:
    token, external = factories.token(uid="04", auth_id="A1"), factories.external("A2")
    rule = "token_is_an_emsps_or_external"
    with refused(rule):
        tokens(token.pk).update(emsp=None)
    with refused(rule):
        tokens(token.pk).update(external=True)
    with refused(rule):
        tokens(external.pk).update(external=False)
    for change in ({"emsp": token.emsp}, {"uid": "05"}, {"customer": factories.customer()}):
        with refused(rule):
            tokens(external.pk).update(**change)


def test_an_auth_id_has_one_external_token() -> None:
    factories.external("NL-TNM-C00122045-K")
    with refused("external_token_is_unique"):
        factories.external("nltnmc00122045")


def test_a_token_with_a_driver_has_that_drivers_customer_and_a_customer_of_its_emsp() -> None:
    driver = factories.driver()
    customer = driver.customer
    token = factories.token(driver=driver)
    assert (token.customer, token.emsp) == (customer, customer.emsp)
    with refused("token_with_driver_has_customer"):
        tokens(token.pk).update(customer=None)
    with refused("token_driver_of_its_customer"):
        tokens(token.pk).update(customer=factories.customer(customer.emsp))
    with refused("token_driver_of_its_customer"):
        tokens(token.pk).update(driver=factories.driver())
    with refused("token_customer_of_its_emsp"):
        tokens(token.pk).update(emsp=factories.emsp())
    # A move that would break it.
    with refused("token_driver_of_its_customer"):
        Driver.objects.filter(pk=driver.pk).update(customer=factories.customer(customer.emsp))
    with refused("token_customer_of_its_emsp"):
        Customer.objects.filter(pk=customer.pk).update(emsp=factories.emsp())


def test_a_customer_without_tokens_moves_with_its_drivers() -> None:
    driver = factories.driver()
    Customer.objects.filter(pk=driver.customer_id).update(emsp=factories.emsp())
    Driver.objects.filter(pk=driver.pk).update(customer=factories.customer())


def test_histories_of_many_rows_are_joined_by_hash() -> None:
    """PL/pgSQL keeps the plan of its first calls: by pairs, kept from one row, 10,000 would take 20 seconds."""
    joins = sql(
        "SELECT p.proname, p.proconfig::text FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE t.tgoldtable IS NOT NULL AND t.tgnewtable IS NOT NULL AND p.prosrc ~* 'join' AND p.prosrc !~* 'execute'"
    )
    assert joins
    assert [name for name, settings in joins if "enable_nestloop=off" not in (settings or "")] == []
