#include "fieldlist.h"

#include <string.h>

#include <apr_cstr.h>

int eg_field_is(const char *name, const char *pattern)
{
    const char *star = strchr(pattern, '*');

    return star != NULL ? apr_cstr_casecmpn(name, pattern, (apr_size_t)(star - pattern)) == 0
                        : apr_cstr_casecmp(name, pattern) == 0;
}

int eg_fieldlist_has(const json_t *fields, const char *pattern)
{
    const json_t *field;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        const char *name = json_string_value(json_array_get(field, 0));

        if (name != NULL && eg_field_is(name, pattern)) {
            return 1;
        }
    }
    return 0;
}
