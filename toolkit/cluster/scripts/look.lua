-- One look at several keys: Redis' time, then what each has; false where it has nothing.
local time = redis.call('TIME')
local found = { time[1], time[2] }
for _, key in ipairs(KEYS) do
    found[#found + 1] = redis.call('GET', key)
end
return found
