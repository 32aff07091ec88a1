-- Counts who is active. It writes first, and so fails on a server that takes no writes (a replica, a full one): such
-- a server may not be up to date.
call('HSET', KEYS[1], 'asked', now)
if sweep(1000) then
    return 'again'
end
local since = active_since(tonumber(ARGV[5]))
local after = '(' .. since

local function latest(name, version)
    return tonumber(call('ZREVRANGE', key(name, version), 0, 0, 'WITHSCORES')[2] or -1)
end

local versions = {}
for _, version in ipairs(call('SMEMBERS', key('versions'))) do
    local sessions = call('ZCOUNT', key('a', version), after, '+inf')
    local visitors = call('ZCOUNT', key('n', version), after, '+inf')
    if sessions + visitors > 0 then
        local users = call('ZCOUNT', key('u', version), after, '+inf')
        local at = math.max(latest('a', version), latest('n', version))
        table.insert(versions, { version, sessions, users, visitors, at })
    end
end
local heard = {}
local proxies = call('HGETALL', key('proxies'))
for i = 1, #proxies, 2 do
    local p = cmsgpack.unpack(proxies[i + 1])
    table.insert(heard, { proxies[i], p.seen, p.since, p.told, p.gauges, p.visitors or '', p.doubled or '' })
end
local birth = call('HMGET', KEYS[1], 'epoch', 'born', 'fresh')
return { now, call('ZCOUNT', key('u'), after, '+inf'), versions, birth, heard }
