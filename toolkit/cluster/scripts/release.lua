-- Gives the lease back. KEYS: lease, and the lease that was given out last. ARGV[1]: ours. One that has ended by itself
-- is given back, too, as long as nobody has taken the next one.
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) == ARGV[1] then
        redis.call('DEL', key)
    end
end
