-- What each table takes on the disk of the server that answers; parts are counted in the partition that has most.
SELECT
    table,
    sum(rows_here) AS rows,
    sum(bytes_here) AS bytes,
    sum(parts_here) AS parts,
    max(parts_here) AS most_parts
FROM
(
    SELECT table, partition_id, sum(rows) AS rows_here, sum(bytes_on_disk) AS bytes_here, count() AS parts_here
    FROM system.parts
    WHERE database = 'otel' AND active
    GROUP BY table, partition_id
)
GROUP BY table
ORDER BY bytes DESC, table
