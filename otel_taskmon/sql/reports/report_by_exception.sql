-- One row per exception class.
exc_type AS label, '' AS its_app
