-- As search_execution_texts without the index, for texts shorter than its pieces.
positionCaseInsensitiveUTF8(exc_message, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_stacktrace, {search:String}) > 0
OR
--: search_payload
