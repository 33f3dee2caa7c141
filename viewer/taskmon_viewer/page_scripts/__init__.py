"""Thin scripts, one per page; what they show is in `views`.

Not called `pages`: Streamlit takes a folder of that name for the navigation itself until the entry script has run
once, so the first visitor of a deep link would get the bare script without theme and head.
"""
