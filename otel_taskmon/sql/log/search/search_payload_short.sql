-- As search_payload without the index, for texts shorter than its pieces.
positionCaseInsensitiveUTF8(args, {search:String}) > 0
OR positionCaseInsensitiveUTF8(kwargs, {search:String}) > 0
OR positionCaseInsensitiveUTF8(exc_message, {search:String}) > 0
OR (
    {search_in_json:String} != {search:String}
    AND (
        positionCaseInsensitiveUTF8(args, {search_in_json:String}) > 0
        OR positionCaseInsensitiveUTF8(kwargs, {search_in_json:String}) > 0))
