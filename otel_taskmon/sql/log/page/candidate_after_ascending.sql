{from_start:UInt8} OR candidate >= {cursor_value:Int64}
