"""Stands where aa-taskmonitor would be: an installed app with its label."""
