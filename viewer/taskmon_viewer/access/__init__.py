"""Who may use the viewer: users and roles, how they log in, and the one check in front of every route."""
