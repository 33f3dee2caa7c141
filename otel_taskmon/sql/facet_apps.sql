toNullable(toString(app))
