-- The version of the server, as 26.8.2.7.
SELECT version()
