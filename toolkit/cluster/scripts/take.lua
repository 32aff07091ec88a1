-- Takes the lease with the next fence. KEYS: lease, fence, and the lease that was given out last and not back. ARGV: what
-- the lease says after its fence, its milliseconds, and a fence that is known to have been given out before. Returns the
-- fence, the lease, and the one before that has ended by itself; or 0 and the lease that somebody else has.
local held = redis.call('GET', KEYS[1])
if held then
    return { 0, held }
end
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[3])) + 1
local lease = string.format('{"fence":%d,', fence) .. ARGV[1]
local before = redis.call('GET', KEYS[3])
redis.call('SET', KEYS[2], string.format('%d', fence))
redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
redis.call('SET', KEYS[3], lease)
return { fence, lease, before }
