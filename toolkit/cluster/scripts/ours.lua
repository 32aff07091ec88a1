-- Whether what is here may be read as ours. KEYS[1]: the marks of the project to which it belongs; ARGV: our marks.
-- It is nobody's yet, or we have one of its marks. Nothing is added: that does who changes something (own.lua).
local ours = redis.call('SCARD', KEYS[1]) == 0
for _, mark in ipairs(ARGV) do
    ours = ours or redis.call('SISMEMBER', KEYS[1], mark) == 1
end
return ours
