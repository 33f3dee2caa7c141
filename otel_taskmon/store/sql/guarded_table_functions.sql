-- The table functions that the engine refuses to readonly users in a SELECT. It does describe them to everybody, and
-- describing one reads the file or calls the address.
SELECT name FROM system.table_functions WHERE NOT allow_readonly
