toNullable(toString(priority))
