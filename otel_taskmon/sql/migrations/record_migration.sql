-- Written after the last statement of a file, so that a file that was cut short runs again.
INSERT INTO otel.schema_migrations (version, name, checksum, program)
SELECT {version:UInt32}, {name:String}, {checksum:String}, {program:String}
