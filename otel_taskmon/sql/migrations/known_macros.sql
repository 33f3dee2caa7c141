-- Names of the macros that this server has values for.
SELECT macro
FROM system.macros
