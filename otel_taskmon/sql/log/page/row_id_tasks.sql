-- A task needs no more than its key.
''
