/*
 * emailgwctl migrate: the tables by migrations, each once, and the functions as
 * they are now.
 *
 * Several may run at once and while everything is in use. Each step is one
 * transaction that first takes the same lock. A migration's transaction begins
 * with its number in emailgw.migration, so a second run cannot apply it; the
 * functions are dropped and made anew in one transaction, whose text's SHA-256
 * in emailgw.code says that there is nothing to do, as long as those may call
 * them who must: a restored backup has the text and perhaps no privileges.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "ctl.h"
#include "ctl/sql.h"
#include "keyfile.h"
#include "secret.h"

/*
 * How each transaction begins. Whoever waits for the lock waits as long as the
 * other run takes; but a table that somebody else holds is waited for briefly,
 * since all who come later queue behind the waiting one.
 */
#define BEGIN_STEP                                                                                           \
    "SELECT pg_catalog.pg_advisory_xact_lock(28549237795743607);\n"                                          \
    "SET LOCAL lock_timeout = '10s';\n"

/* Both roles may call what was granted to them, and PUBLIC may call nothing. */
#define PRIVILEGES_HOLD                                                                                      \
    "(SELECT count(*) = 2 FROM pg_roles AS r\n"                                                              \
    "  WHERE r.rolname IN ('emailgw_module', 'emailgw_sender')\n"                                            \
    "    AND has_schema_privilege(r.oid, 'emailgw_api', 'USAGE')\n"                                          \
    "    AND EXISTS (SELECT FROM pg_proc AS p CROSS JOIN aclexplode(p.proacl) AS a\n"                        \
    "                 WHERE p.pronamespace = 'emailgw_api'::regnamespace AND a.grantee = r.oid))\n"          \
    "AND NOT EXISTS (SELECT FROM pg_proc AS p\n"                                                             \
    "                  LEFT JOIN aclexplode(p.proacl) AS a ON a.grantee = 0\n"                               \
    "                 WHERE p.pronamespace = 'emailgw_api'::regnamespace\n"                                  \
    "                   AND (p.proacl IS NULL OR a.grantee IS NOT NULL))\n"

/*
 * Where a run learns what was done: sha256 is NULL where the functions have to be
 * made, or made again. It is among the functions, so it is made with them too.
 */
#define STATE_FUNCTION                                                                                       \
    "CREATE OR REPLACE FUNCTION emailgw_api.ctl_migrations() RETURNS TABLE (number integer, sha256 text)\n"  \
    "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = emailgw, pg_temp\n"                              \
    "AS $$ SELECT m.number, (SELECT c.sha256 FROM emailgw.code AS c WHERE " PRIVILEGES_HOLD                  \
    ") FROM emailgw.migration AS m $$;\n"                                                                    \
    "REVOKE ALL ON FUNCTION emailgw_api.ctl_migrations FROM PUBLIC;\n"

static const char bootstrap[] = BEGIN_STEP
    "CREATE SCHEMA IF NOT EXISTS emailgw;\n"
    "CREATE SCHEMA IF NOT EXISTS emailgw_api;\n"
    "CREATE TABLE IF NOT EXISTS emailgw.migration (\n"
    "    number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());\n"
    "CREATE TABLE IF NOT EXISTS emailgw.code (\n"
    "    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), sha256 text NOT NULL,\n"
    "    built_at timestamptz NOT NULL DEFAULT now());\n" STATE_FUNCTION;

/*
 * Functions may call each other whatever their names, so their bodies are
 * checked when all are there, each with the search_path that it will have.
 */
static const char check_bodies[] =
    "SET LOCAL check_function_bodies = on;\n"
    "DO $$\n"
    "DECLARE\n"
    "    v_function record;\n"
    "BEGIN\n"
    "    FOR v_function IN SELECT p.oid, p.proname, p.proconfig, l.lanname\n"
    "                        FROM pg_catalog.pg_proc AS p\n"
    "                        JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang\n"
    "                        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace\n"
    "                       WHERE n.nspname = 'emailgw_api' ORDER BY p.proname LOOP\n"
    "        BEGIN\n"
    "            PERFORM pg_catalog.set_config('search_path', coalesce((\n"
    "                SELECT split_part(c, '=', 2) FROM unnest(v_function.proconfig) AS c\n"
    "                 WHERE c LIKE 'search\\_path=%'), 'pg_catalog'), true);\n"
    "            IF v_function.lanname = 'plpgsql' THEN\n"
    "                PERFORM pg_catalog.plpgsql_validator(v_function.oid);\n"
    "            ELSIF v_function.lanname = 'sql' THEN\n"
    "                PERFORM pg_catalog.fmgr_sql_validator(v_function.oid);\n"
    "            END IF;\n"
    "        EXCEPTION WHEN OTHERS THEN\n"
    "            RAISE EXCEPTION 'function %: %', v_function.proname, sqlerrm;\n"
    "        END;\n"
    "    END LOOP;\n"
    "END\n"
    "$$;\n";

/* What the database has. */
typedef struct {
    eg_rows *rows; /* of ctl_migrations */
} state;

static int is_applied(const state *now, int number)
{
    for (int i = 0; i < eg_rows_count(now->rows); i++) {
        if (eg_rows_int(now->rows, i, "number") == number) {
            return 1;
        }
    }
    return 0;
}

static int number_of(const egs_sql_file *migration)
{
    return atoi(migration->name);
}

/* PostgreSQL's message has several lines; here it is one. */
static int script_failed(const egs_ctl *ctl, const char *step, const char *error)
{
    char *line = apr_pstrdup(ctl->pool, error);

    for (char *at = line; *at != '\0'; at++) {
        *at = *at == '\n' || *at == '\t' ? ' ' : *at;
    }
    return egs_ctl_refuse(ctl, "%s: %s", step, line);
}

/* Asked quietly first: on a new database the function is missing, and that is no error. */
static int read_state(state *now, egs_ctl *ctl)
{
    eg_db quiet = *ctl->db;
    const char *error;
    apr_status_t rv;

    quiet.log = NULL;
    rv = eg_db_call(&now->rows, &quiet, EG_DB_REPEATABLE, "ctl_migrations", NULL, 0);
    if (rv == APR_SUCCESS) {
        return 0;
    }
    if (rv == EG_DB_MISSING && eg_db_script(ctl->db, bootstrap, &error) != APR_SUCCESS) {
        return script_failed(ctl, "first tables", error);
    }
    return egs_ctl_call(&now->rows, ctl, EG_DB_REPEATABLE, "ctl_migrations", NULL, 0);
}

/* A database of a later version is left alone: its functions need its tables, not ours. */
static int refuse_newer(egs_ctl *ctl, const state *now)
{
    int newest = 0;

    for (const egs_sql_file *migration = egs_sql_migrations; migration->name != NULL; migration++) {
        newest = number_of(migration);
    }
    for (int i = 0; i < eg_rows_count(now->rows); i++) {
        if (eg_rows_int(now->rows, i, "number") > newest) {
            return egs_ctl_refuse(
                ctl, "the database has migration %d, this emailgwctl knows up to %d: use a later one",
                (int)eg_rows_int(now->rows, i, "number"), newest);
        }
    }
    return 0;
}

/* @param applied  set when this run did it */
static int apply(int *applied, egs_ctl *ctl, const egs_sql_file *migration)
{
    const char *script, *error;
    state after;
    int failed;

    script = apr_psprintf(ctl->pool,
                          BEGIN_STEP "INSERT INTO emailgw.migration (number, name) VALUES (%d, '%s');\n",
                          number_of(migration), migration->name);
    if (eg_db_script(ctl->db, apr_pstrcat(ctl->pool, script, migration->text, NULL), &error) != APR_SUCCESS) {
        /* Where the number is taken, another run was faster. */
        failed = read_state(&after, ctl);
        if (failed || !is_applied(&after, number_of(migration))) {
            return failed ? failed : script_failed(ctl, migration->name, error);
        }
        return 0;
    }
    *applied = 1;
    egs_ctl_say(ctl,
                json_pack("{s:s, s:i, s:s}", "step", "migration", "number", number_of(migration), "name",
                          migration->name),
                apr_psprintf(ctl->pool, "applied migration %s", migration->name));
    return 0;
}

/* All that makes emailgw_api what it is, in the order in which it runs. */
static const char *functions_script(int *count, apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, 64, sizeof(const char *));

    APR_ARRAY_PUSH(parts, const char *) = "DROP SCHEMA IF EXISTS emailgw_api CASCADE;\n"
                                          "CREATE SCHEMA emailgw_api;\n" STATE_FUNCTION;
    APR_ARRAY_PUSH(parts, const char *) = egs_sql_roles;
    APR_ARRAY_PUSH(parts, const char *) = "SET LOCAL check_function_bodies = off;\n";
    *count = 0;
    for (const egs_sql_file *function = egs_sql_functions; function->name != NULL; function++) {
        APR_ARRAY_PUSH(parts, const char *) = function->text;
        (*count)++;
    }
    APR_ARRAY_PUSH(parts, const char *) = check_bodies;
    APR_ARRAY_PUSH(parts, const char *) = egs_sql_privileges;
    return apr_array_pstrcat(pool, parts, '\n');
}

static const char *hex_of_hash(const char *text, apr_pool_t *pool)
{
    char *hex = apr_palloc(pool, 2 * EG_HASH_SIZE + 1);
    unsigned char hash[EG_HASH_SIZE];

    eg_secret_hash(hash, text, strlen(text));
    eg_keyfile_hex(hex, hash, sizeof hash);
    return hex;
}

static int is_built(const state *now, const char *sha256)
{
    const char *stored = eg_rows_count(now->rows) > 0 ? eg_rows_text(now->rows, 0, "sha256") : NULL;

    return stored != NULL && strcmp(stored, sha256) == 0;
}

/*
 * Calls that are under way when the functions change may have to be repeated,
 * so they change once: who waited for the lock looks again, and gives up.
 */
static const char *whole_script(const char *functions, const char *sha256, apr_pool_t *pool)
{
    return apr_pstrcat(
        pool,
        BEGIN_STEP "DO $$\n"
                   "BEGIN\n"
                   "    IF EXISTS (SELECT FROM emailgw_api.ctl_migrations() AS m WHERE m.sha256 = '",
        sha256,
        "') THEN\n"
        "        RAISE EXCEPTION 'built by another run';\n"
        "    END IF;\n"
        "END\n"
        "$$;\n",
        functions, "\nINSERT INTO emailgw.code (sha256) VALUES ('", sha256,
        "')\nON CONFLICT (only_row) DO UPDATE SET sha256 = excluded.sha256, built_at = now();\n", NULL);
}

/* @param built  set when there was something to do */
static int build_functions(int *built, egs_ctl *ctl, const state *now)
{
    int count;
    const char *script = functions_script(&count, ctl->pool);
    const char *sha256 = hex_of_hash(script, ctl->pool), *error;
    state after;
    int failed;

    *built = !is_built(now, sha256);
    if (!*built) {
        return 0;
    }
    if (eg_db_script(ctl->db, whole_script(script, sha256, ctl->pool), &error) != APR_SUCCESS) {
        failed = read_state(&after, ctl);
        if (failed || !is_built(&after, sha256)) {
            return failed ? failed : script_failed(ctl, "functions", error);
        }
        *built = 0;
        return 0;
    }
    egs_ctl_say(ctl, json_pack("{s:s, s:i, s:s}", "step", "functions", "count", count, "sha256", sha256),
                apr_psprintf(ctl->pool, "built %d functions", count));
    return 0;
}

/* The first mail must find a partition before a sender has ever run. */
static int make_partitions(egs_ctl *ctl)
{
    eg_rows *rows;

    return egs_ctl_call(&rows, ctl, EG_DB_REPEATABLE, "make_partitions", NULL, 0);
}

static int run(egs_ctl *ctl)
{
    state now;
    int done = 0, built = 0, failed;

    ctl->is_fit = 1;
    failed = read_state(&now, ctl);
    if (!failed) {
        failed = refuse_newer(ctl, &now);
    }
    for (const egs_sql_file *migration = egs_sql_migrations; !failed && migration->name != NULL;
         migration++) {
        if (!is_applied(&now, number_of(migration))) {
            failed = apply(&done, ctl, migration);
        }
    }
    if (!failed) {
        failed = build_functions(&built, ctl, &now);
    }
    if (!failed) {
        failed = make_partitions(ctl);
    }
    if (!failed && !done && !built) {
        egs_ctl_say(ctl, json_pack("{s:s}", "step", "none"), "nothing to do");
    }
    return failed;
}

const egs_ctl_command egs_ctl_migrate = {
    .name = "migrate",
    .help = "bring the database's tables and functions to this version; safe at any time",
    .run = run,
};
