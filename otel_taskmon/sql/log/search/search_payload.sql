-- Payloads are JSON text: what was typed is looked for as it is, and as it would stand inside a JSON string. No LIKE
-- anywhere: % _ and \ are ordinary characters. A row that holds the text holds all its three-letter pieces, and those
-- stand in an index; what the index lets through is then looked at. Asking for some of the pieces is enough.
(hasAllTokens(
    args,
    --: search_pieces
    )
    AND positionCaseInsensitiveUTF8(args, {search:String}) > 0)
OR (hasAllTokens(
    kwargs,
    --: search_pieces
    )
    AND positionCaseInsensitiveUTF8(kwargs, {search:String}) > 0)
OR (hasAllTokens(
    exc_message,
    --: search_pieces
    )
    AND positionCaseInsensitiveUTF8(exc_message, {search:String}) > 0)
OR (
    {search_in_json:String} != {search:String}
    AND (
        (hasAllTokens(args, lowerUTF8({search_in_json:String}))
            AND positionCaseInsensitiveUTF8(args, {search_in_json:String}) > 0)
        OR (hasAllTokens(kwargs, lowerUTF8({search_in_json:String}))
            AND positionCaseInsensitiveUTF8(kwargs, {search_in_json:String}) > 0)))
