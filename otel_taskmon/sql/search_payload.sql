-- In a payload, as typed and as it would stand inside a JSON string, without an index.
positionCaseInsensitiveUTF8(args, {search:String}) > 0
OR positionCaseInsensitiveUTF8(kwargs, {search:String}) > 0
OR (
    {search_in_json:String} != {search:String}
    AND (
        positionCaseInsensitiveUTF8(args, {search_in_json:String}) > 0
        OR positionCaseInsensitiveUTF8(kwargs, {search_in_json:String}) > 0))
