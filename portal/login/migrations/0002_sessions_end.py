"""Sessions end with the rights they were begun with, whoever takes those away: the portal, the API, or SQL."""

from django.db import migrations

# Who becomes an Admin logs in again, with the second factor that an Admin needs.
ENDS = """
CREATE FUNCTION chargeward_sessions_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM portal_login_session WHERE user_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_end_with_access AFTER UPDATE OF is_active, is_staff, is_superuser ON auth_user FOR EACH ROW
    WHEN ((OLD.is_active AND NOT NEW.is_active) OR (OLD.is_staff AND NOT NEW.is_staff)
        OR OLD.is_superuser IS DISTINCT FROM NEW.is_superuser)
    EXECUTE FUNCTION chargeward_sessions_end();
CREATE TRIGGER sessions_end_with_user AFTER DELETE ON auth_user
    FOR EACH ROW EXECUTE FUNCTION chargeward_sessions_end();

CREATE FUNCTION chargeward_sessions_end_with_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM portal_login_session WHERE user_id = OLD.user_id;
    ELSIF EXISTS (
        SELECT FROM auth_group_permissions held JOIN auth_permission ON auth_permission.id = held.permission_id
        WHERE held.group_id = NEW.group_id AND auth_permission.codename = 'administer'
    ) THEN
        DELETE FROM portal_login_session WHERE user_id = NEW.user_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sessions_end_with_role AFTER INSERT OR UPDATE OR DELETE ON auth_user_groups
    FOR EACH ROW EXECUTE FUNCTION chargeward_sessions_end_with_role();
"""

STAY = """
DROP TRIGGER sessions_end_with_role ON auth_user_groups;
DROP TRIGGER sessions_end_with_user ON auth_user;
DROP TRIGGER sessions_end_with_access ON auth_user;
DROP FUNCTION chargeward_sessions_end_with_role();
DROP FUNCTION chargeward_sessions_end();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal_login", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunSQL(ENDS, STAY)]
