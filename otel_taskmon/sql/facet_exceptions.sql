toNullable(toString(exc_type))
