-- Bytes of each column (with the files of its marks) and of each skip or text index.
SELECT table, name, bytes, unpacked
FROM
(
    SELECT table, column AS name, sum(column_bytes_on_disk) AS bytes, sum(column_data_uncompressed_bytes) AS unpacked
    FROM system.parts_columns
    WHERE database = 'otel' AND active
    GROUP BY table, name
    UNION ALL
    SELECT
        table,
        concat('index ', name) AS name,
        data_compressed_bytes + marks_bytes AS bytes,
        data_uncompressed_bytes AS unpacked
    FROM system.data_skipping_indices
    WHERE database = 'otel'
)
ORDER BY bytes DESC, table, name
