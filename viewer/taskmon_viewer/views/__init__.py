"""One module per page or part of a page: read the address, ask the cache, draw."""
