-- As search_payload, for tracebacks; only executions have them.
(hasAllTokens(
    exc_stacktrace,
    --: search_pieces
    )
    AND positionCaseInsensitiveUTF8(exc_stacktrace, {search:String}) > 0)
