toNullable(toString(worker))
