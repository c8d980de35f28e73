#include "page.h"

eg_dbarg eg_page_count(const eg_call *call)
{
    apr_int64_t count =
        eg_param_given(call, "RetrieveCount") ? eg_param_int(call, "RetrieveCount") : EG_PAGE_DEFAULT;

    return eg_db_int(count > EG_PAGE_MAX ? EG_PAGE_MAX : count);
}

eg_dbarg eg_page_start(const eg_call *call)
{
    return eg_db_int(eg_param_int(call, "StartFrom"));
}
