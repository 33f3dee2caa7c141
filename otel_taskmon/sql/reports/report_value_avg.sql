-- The longest average runtime first.
total_ns / counted
