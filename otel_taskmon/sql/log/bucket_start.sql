-- The multiple of the bucket's width since the epoch at which a row's bucket begins.
fromUnixTimestamp64Micro(
    intDiv(toUnixTimestamp64Micro(first_published_at), {bucket_us:Int64}) * {bucket_us:Int64}, 'UTC')
