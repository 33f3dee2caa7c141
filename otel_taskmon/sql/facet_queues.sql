toNullable(toString(queue))
