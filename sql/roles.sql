-- The roles that the module and the sender connect as. Run before the
-- functions, whose files grant EXECUTE to them; privileges.sql closes up after.
-- A role belongs to the cluster, so it may be there already.
SET LOCAL check_function_bodies = off; -- functions call each other, whatever their order

DO $$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['emailgw_module', 'emailgw_sender'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
                EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', v_role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- made by another database's migrate at the same moment
        END;
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA emailgw_api TO emailgw_module, emailgw_sender;
