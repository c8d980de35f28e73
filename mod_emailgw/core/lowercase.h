/*
 * Letters of ASCII, whatever the locale.
 */
#ifndef EG_LOWERCASE_H
#define EG_LOWERCASE_H

/** A to Z become a to z, in place; all other bytes stay. @return text */
char *eg_lowercase(char *text);

#endif
