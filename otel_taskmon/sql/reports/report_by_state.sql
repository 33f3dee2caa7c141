-- One row per state.
state AS label, '' AS its_app
