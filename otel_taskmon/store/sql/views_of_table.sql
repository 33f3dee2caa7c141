-- The materialized views that are filled by inserts into a table (not those that refresh on a schedule),
-- with their target, their SELECT and the columns they write.
SELECT
    views.name,
    views.target_database,
    views.target_table,
    views.as_select,
    arrayMap(found -> found.2, arraySort(groupArray((columns.position, columns.name)))) AS column_names
FROM system.tables AS views
INNER JOIN system.columns AS columns ON columns.database = views.database AND columns.table = views.name
WHERE (views.database, views.name) IN (
        SELECT arrayJoin(arrayZip(dependencies_database, dependencies_table))
        FROM system.tables
        WHERE database = 'otel' AND name = {table:String}
    )
    AND views.engine = 'MaterializedView'
GROUP BY views.name, views.target_database, views.target_table, views.as_select
ORDER BY views.name
