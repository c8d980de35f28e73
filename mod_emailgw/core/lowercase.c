#include "lowercase.h"

char *eg_lowercase(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at = (char)(*at - 'A' + 'a');
        }
    }
    return text;
}
