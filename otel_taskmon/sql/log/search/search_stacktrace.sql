-- As search_payload, for tracebacks; only executions have them.
(hasAllTokens(exc_stacktrace, lowerUTF8({search:String}))
    AND positionCaseInsensitiveUTF8(exc_stacktrace, {search:String}) > 0)
