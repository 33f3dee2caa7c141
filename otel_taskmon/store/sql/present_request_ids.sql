-- Which of these request ids are in the table. A group of rows is in it as a whole or not at all.
SELECT DISTINCT RequestId
FROM otel.{table:Identifier}
WHERE RequestId IN {request_ids:Array(String)}
