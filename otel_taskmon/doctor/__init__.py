"""``taskmon doctor``: is everything there that tasks need to be recorded and shown? Looks, and changes nothing."""
