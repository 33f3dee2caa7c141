-- Request ids that arrived within the last {seconds} seconds.
SELECT DISTINCT RequestId
FROM otel.{table:Identifier}
WHERE IngestedAt > now() - {seconds:UInt32} AND RequestId != ''
