-- address_pattern: address_letters where it is not the end or the beginning of another
-- address. The name of a file may have one before its extension, if no domain ends so.
-- What stands before it is part of the match, \1 of a replacement (erase_found): to look
-- behind takes a walk from the beginning of the text at each match.
CREATE FUNCTION emailgw_api.address_pattern(p_spellings text[], p_html boolean DEFAULT false)
RETURNS text
LANGUAGE sql IMMUTABLE STRICT
AS $$
    SELECT '(^|[^[:alnum:]._+-]|%[0-9a-f]{2}|\\[bfnrt])' || emailgw_api.address_letters(p_spellings, p_html)
           || '(?![[:alnum:]-]|\.(?!(?:txt|csv|tsv|pdf|eml|msg|vcf|ics|xml|json|html?|log|docx?|xlsx?|od[st]|rtf|png|jpe?g|gif|gz)'
           || '(?![[:alnum:]-]))[[:alnum:]])'
$$;
