INSERT INTO {name:Identifier}
