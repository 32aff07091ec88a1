-- ARGV: proxy, reach, epoch, complete, the same of visitors, gauges, the number of rows, five for each row, then
-- visitors that are gone, and for how long.
sweep(500)

local function note_session(sid, user, version, at, expires)
    local s = get(sid)
    if not s then
        if expires > now then
            insert(sid, user, '', version, at, at, expires)
        end
    elseif s.user == user and not s.ended and math.max(s.expires, expires) > now then
        touch(sid, s, version, at, expires, '')
    end
end

local function note_visitor(sid, version, at, expires)
    local v = call('HMGET', key('w', sid), 'v', 'a', 'x')
    local place, latest = v[1] or version, tonumber(v[2] or at)
    local to = at >= latest and version or place
    latest, expires = math.max(latest, at), math.max(expires, tonumber(v[3] or expires))
    if expires <= now then
        return
    end
    if to ~= place then
        drop_visitor(sid, place)
        depart(place, tonumber(v[2]), math.min(at, tonumber(v[3])))
    end
    call('HSET', key('w', sid), 'v', to, 'a', latest, 'x', expires)
    call('SADD', key('versions'), to)
    call('ZADD', key('x', to), expires, 'w:' .. sid)
    call('ZADD', key('n', to), latest, sid)
end

local last = 11 + 5 * tonumber(ARGV[11])
for i = 12, last, 5 do
    local sid, user, version, age, expires = unpack(ARGV, i, i + 4)
    local at = math.max(now - tonumber(age), 0)
    if user == '' then
        note_visitor(sid, version, at, tonumber(expires))
    else
        note_session(sid, user, version, at, tonumber(expires))
    end
end
for i = last + 1, #ARGV, 2 do
    local v = call('HMGET', key('w', ARGV[i]), 'v', 'a')
    if v[1] and tonumber(v[2]) <= now - tonumber(ARGV[i + 1]) then
        drop_visitor(ARGV[i], v[1])
    end
end

local epoch = call('HGET', KEYS[1], 'epoch')
if ARGV[7] ~= '' and ARGV[7] ~= epoch then
    call('HSET', KEYS[1], 'fresh', '0') -- it knew a store before this one, so something was lost
end
local before = call('HGET', key('proxies'), ARGV[5])
before = before and cmsgpack.unpack(before) or { told = '', gauges = '' }
local function told(flag, earlier)
    return flag == '1' and ARGV[7] == epoch and now or earlier or ''
end
call('HSET', key('proxies'), ARGV[5], cmsgpack.pack({
    seen = now,
    since = now - tonumber(ARGV[6]),
    told = told(ARGV[8], before.told),
    visitors = told(ARGV[9], before.visitors),
    gauges = ARGV[10] == '' and before.gauges or ARGV[10],
}))
return epoch
