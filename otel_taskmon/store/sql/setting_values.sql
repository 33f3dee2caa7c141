SELECT name, value, changed FROM system.settings WHERE name IN {names:Array(String)}
