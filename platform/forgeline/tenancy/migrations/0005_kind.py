"""What a company is to the service: company, partner or operator. The application's role cannot say so of itself."""

from django.db import migrations, models

from forgeline.tenancy.rls import DefinerFunction

WALL = """
CREATE FUNCTION tenancy_keep_kind() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind <> (CASE TG_OP WHEN 'INSERT' THEN 'company' ELSE OLD.kind END) AND current_user <> 'forgeline_owner' THEN
        RAISE EXCEPTION 'A company does not say itself what it is to the service.'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER tenancy_keep_kind BEFORE INSERT OR UPDATE OF kind ON tenancy_tenant
    FOR EACH ROW EXECUTE FUNCTION tenancy_keep_kind();

-- The owner's: it enters the company that is named, for forced row-level security holds for it too.
CREATE FUNCTION tenancy_name_partner(wanted bigint, is_partner boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asking text := current_setting('forgeline.tenant_id', true);
    done boolean;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM tenancy_tenant WHERE id = NULLIF(asking, '')::bigint AND kind = 'operator') THEN
        RETURN false;
    END IF;
    PERFORM set_config('forgeline.tenant_id', wanted::text, true);
    UPDATE tenancy_tenant SET kind = CASE WHEN is_partner THEN 'partner' ELSE 'company' END
        WHERE id = wanted AND kind <> 'operator';
    done := FOUND;
    PERFORM set_config('forgeline.tenant_id', asking, true);
    RETURN done;
END $$;
REVOKE ALL ON FUNCTION tenancy_name_partner(bigint, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenancy_name_partner(bigint, boolean) TO forgeline_app;
GRANT SELECT (kind, slug, language, created_at) ON tenancy_tenant TO forgeline_lookup;
"""


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_industry"), ("audit", "0001_initial")]
    operations = [
        migrations.AddField(
            "tenant", "kind",
            models.CharField(
                choices=[("company", "company"), ("partner", "partner"), ("operator", "operator")],
                default="company", editable=False, max_length=8, verbose_name="kind",
            ),
        ),
        migrations.RunSQL(
            WALL,
            reverse_sql="""
                REVOKE SELECT (kind, slug, language, created_at) ON tenancy_tenant FROM forgeline_lookup;
                DROP FUNCTION tenancy_name_partner(bigint, boolean);
                DROP TRIGGER tenancy_keep_kind ON tenancy_tenant;
                DROP FUNCTION tenancy_keep_kind();
            """,
        ),
        # Asked by every function that tells the operator of others: true in the operator's own scope alone.
        DefinerFunction(
            "tenancy_is_operator()",
            returns="boolean",
            body="""
                SELECT EXISTS (
                    SELECT 1 FROM tenancy_tenant
                    WHERE id = NULLIF(current_setting('forgeline.tenant_id', true), '')::bigint
                      AND kind = 'operator' AND closed_at IS NULL
                ) AND NULLIF(current_setting('forgeline.branches', true), '') IS NULL
            """,
        ),
    ]  # fmt: skip
