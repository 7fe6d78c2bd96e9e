"""The service's role and the owner's tie to it: what a migration makes, and a dump does not carry along."""

from ledger.kit.db import SERVICE_ROLE

# Roles are the whole server's: another database may have made it, or an operator who may and we may not.
MAKE_ROLE = f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SERVICE_ROLE}') THEN
            CREATE ROLE {SERVICE_ROLE} NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$"""

GRANT_ON_LATER_TABLES = (
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {SERVICE_ROLE}"
)

BECOME_ROLE = f"""DO $$ BEGIN
        IF NOT pg_has_role(CURRENT_USER, '{SERVICE_ROLE}', 'SET') THEN
            GRANT {SERVICE_ROLE} TO CURRENT_USER;
        END IF;
    END $$"""
