-- Keeps the lease, if it is ours still. KEYS[1]: the lease. ARGV: ours, and its milliseconds. Returns 1 or 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
