SELECT name FROM system.settings
