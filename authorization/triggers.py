"""Rules of the database that a constraint cannot say. Each raises with a constraint's name, as a constraint would."""

from typing import Any

import pgtrigger


def refuse(message: str, name: str, code: str = "check_violation") -> str:
    """PL/pgSQL that fails the statement as a violation of the named rule."""
    return f"RAISE EXCEPTION '{message}' USING ERRCODE = '{code}', CONSTRAINT = '{name}';"


def members_match_category() -> list[Any]:
    """A group's category and an exception's sides never change under the rows that were checked against them."""
    return [
        pgtrigger.Trigger(
            name="group_category_never_changes",
            when=pgtrigger.Before,
            operation=pgtrigger.UpdateOf("category"),
            condition=pgtrigger.Condition("OLD.category IS DISTINCT FROM NEW.category"),
            func=refuse("The category of a group cannot be changed.", "group_category_never_changes"),
        )
    ]


def exception_side(side: str) -> list[Any]:
    """The groups on an exception's side are of that side, and the last of them cannot be taken away."""
    categories = {"cpo": "'cpo', 'location'", "emsp": "'emsp', 'customer', 'driver', 'token'"}[side]
    return [
        pgtrigger.Trigger(
            name=f"exception_{side}_group_is_of_its_side",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert | pgtrigger.Update,
            func=f"""
                IF (SELECT category FROM authorization_exceptiongroup WHERE id = NEW.group_id)
                   NOT IN ({categories}) THEN
                    {refuse("This group is of the other side.", f"exception_{side}_group_is_of_its_side")}
                END IF;
                RETURN NEW;
            """,
        ),
        pgtrigger.Trigger(
            name=f"exception_keeps_a_{side}_group",
            when=pgtrigger.After,
            operation=pgtrigger.Delete | pgtrigger.UpdateOf("exception_id"),
            timing=pgtrigger.Deferred,
            func=exception_has_groups("OLD.exception_id"),
        ),
    ]


def exception_has_groups(exception: str) -> str:
    """PL/pgSQL, at commit: the exception, if it is still there, has a group on each side.

    The row is locked, or two transactions could each take away one of the last two groups.
    """
    return f"""
        PERFORM 1 FROM authorization_chargeexception WHERE id = {exception} FOR NO KEY UPDATE;
        IF FOUND AND NOT (
            EXISTS (SELECT FROM authorization_exceptioncpogroup WHERE exception_id = {exception})
            AND EXISTS (SELECT FROM authorization_exceptionemspgroup WHERE exception_id = {exception})
        ) THEN
            {refuse("An exception needs a CPO-side and an eMSP-side group.", "exception_has_groups_on_both_sides")}
        END IF;
        RETURN NULL;
    """


def exception_complete() -> list[Any]:
    """Checked at commit, so that an exception and its groups can be written one after the other."""
    return [
        pgtrigger.Trigger(
            name="exception_has_groups_on_both_sides",
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            timing=pgtrigger.Deferred,
            func=exception_has_groups("NEW.id"),
        )
    ]
