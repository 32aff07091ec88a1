-- Gives the lease back, if it is ours still. KEYS[1]: the lease. ARGV[1]: ours.
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
