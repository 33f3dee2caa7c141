-- Bytes of each table on disk, and which of them are no column's: skip and text indexes, marks, primary keys.
SELECT
    table,
    sum(p.rows) AS all_rows,
    count() AS all_parts,
    sum(p.bytes_on_disk) AS bytes,
    sum(data_compressed_bytes) AS columns,
    sum(secondary_indices_compressed_bytes + secondary_indices_marks_bytes) AS indexes,
    sum(p.marks_bytes) AS marks,
    sum(data_uncompressed_bytes) AS unpacked
FROM system.parts AS p
WHERE database = 'otel' AND active AND p.rows > 0
GROUP BY table
ORDER BY bytes DESC
