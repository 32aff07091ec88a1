-- Whether this database is ours. KEYS[1]: the marks of the project that it belongs to; ARGV: our marks. False if it is
-- another project's; otherwise new marks of ours are added.
local ours = redis.call('SCARD', KEYS[1]) == 0
for _, mark in ipairs(ARGV) do
    ours = ours or redis.call('SISMEMBER', KEYS[1], mark) == 1
end
for _, mark in ipairs(ours and ARGV or {}) do
    if redis.call('SISMEMBER', KEYS[1], mark) == 0 then
        redis.call('SADD', KEYS[1], mark)
    end
end
return ours
