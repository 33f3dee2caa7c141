positionCaseInsensitiveUTF8(exc_stacktrace, {search:String}) > 0
