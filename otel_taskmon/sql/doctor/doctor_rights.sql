-- 0: the user that asks may change what its grants let it change.
SELECT toUInt8(getSetting('readonly'))
