-- Hours since the oldest row of a table by the time that ages it; NULL where it is empty.
SELECT if(count() = 0, NULL, toNullable(dateDiff('hour', toDateTime(min({column:Identifier})), now()))) AS age_hours
FROM otel.{table:Identifier}
