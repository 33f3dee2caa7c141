-- All three-letter pieces of the text.
lowerUTF8({search:String})
