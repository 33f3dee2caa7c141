toNullable(toString(state))
