/*
 * The files of sql/, embedded: build/sql.c is made from them by the Makefile.
 */
#ifndef EGS_SQL_H
#define EGS_SQL_H

/** One file: its name without ".sql", such as "0001_accounts" or "accept", and its text. */
typedef struct {
    const char *name;
    const char *text;
} egs_sql_file;

/* Sorted by name, ended by a NULL name. */
extern const egs_sql_file egs_sql_migrations[];
extern const egs_sql_file egs_sql_functions[];

extern const char egs_sql_roles[];      /* roles.sql: run before the functions */
extern const char egs_sql_privileges[]; /* privileges.sql: run after them */

#endif
