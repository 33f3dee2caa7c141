-- An empty temporary table: the structure stays a bound value, so no text of the request becomes SQL.
CREATE TEMPORARY TABLE {name:Identifier} AS SELECT * FROM null({structure:String})
