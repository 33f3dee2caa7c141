"""For particular frameworks; each part is imported only by those who use it."""
