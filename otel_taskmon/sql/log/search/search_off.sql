-- Nothing is searched for.
1
