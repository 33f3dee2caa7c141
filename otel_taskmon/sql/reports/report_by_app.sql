-- One row per app.
app AS label, '' AS its_app
