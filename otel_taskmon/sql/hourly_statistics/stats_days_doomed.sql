-- Statistics by the day of these days, in days since the epoch.
intDiv(toUnixTimestamp(day), 86400) IN {days:Array(UInt32)}
