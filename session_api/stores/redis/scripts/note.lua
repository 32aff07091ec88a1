-- Takes in a report. ARGV: proxy, reach, epoch, complete, visitors_complete, gauges, the number of rows; seven values
-- for each row; two for each visitor that is gone (sid, age); and the name of this start of the proxy.
sweep(500)

local function note_session(sid, user, version, at, expires, issued)
    local s = get(sid)
    if not s then
        if expires > now then
            insert(sid, user, '', version, at, at, expires, issued)
        end
    elseif s.user == user and goes_on(s, issued, expires) then
        touch(sid, s, version, at, expires, '', issued)
    end
end

local function note_visitor(sid, version, at, expires, kind)
    local v = call('HMGET', key('w', sid), 'v', 'a', 'x', 'k')
    kind = v[1] and (v[4] or 'visitor') or kind
    local place, latest = v[1] or version, tonumber(v[2] or at)
    local to = at >= latest and version or place
    latest, expires = math.max(latest, at), math.max(expires, tonumber(v[3] or expires))
    if expires <= now then
        return
    end
    if to ~= place then
        drop_visitor(sid, place, kind)
        depart(place, tonumber(v[2]), math.min(at, tonumber(v[3])))
    end
    call('HSET', key('w', sid), 'v', to, 'a', latest, 'x', expires, 'k', kind)
    call('SADD', key('versions'), to)
    call('ZADD', key('x', to), expires, 'w:' .. sid)
    call('ZADD', key(ring(kind), to), latest, sid)
    if kind ~= 'visitor' then
        call('ZADD', key('known'), 0, sid)
    end
end

local last = 11 + 7 * tonumber(ARGV[11])
for i = 12, last, 7 do
    local sid, user, version, age, expires, issued, kind = unpack(ARGV, i, i + 6)
    local at = math.max(now - tonumber(age), 0)
    if user == '' then
        note_visitor(sid, version, at, tonumber(expires), kind)
    else
        note_session(sid, user, version, at, tonumber(expires), tonumber(issued))
    end
end
for i = last + 1, #ARGV - 1, 2 do
    local v = call('HMGET', key('w', ARGV[i]), 'v', 'a', 'k')
    if v[1] and tonumber(v[2]) <= now - tonumber(ARGV[i + 1]) then
        drop_visitor(ARGV[i], v[1], v[3])
        if v[3] == 'session' then -- of a visitor a session has taken the place; this one has left
            depart(v[1], tonumber(v[2]), tonumber(v[2]))
        end
    end
end

local epoch = call('HGET', KEYS[1], 'epoch')
if ARGV[7] ~= '' and ARGV[7] ~= epoch then
    call('HSET', KEYS[1], 'fresh', '0') -- it has reported to another store before: sessions may be missing here
end
local before = call('HGET', key('proxies'), ARGV[5])
before = before and cmsgpack.unpack(before) or { told = '', gauges = '' }
local instance, known = ARGV[#ARGV], before.instance or ''
local is_back = instance ~= known and instance == before.previous -- an earlier start reports again: there are two proxies
local function told(flag, earlier)
    return flag == '1' and ARGV[7] == epoch and now or earlier or ''
end
call('HSET', key('proxies'), ARGV[5], cmsgpack.pack({
    seen = now,
    since = now - tonumber(ARGV[6]),
    told = told(ARGV[8], before.told),
    visitors = told(ARGV[9], before.visitors),
    gauges = ARGV[10] == '' and before.gauges or ARGV[10],
    instance = instance,
    previous = instance ~= known and known or before.previous or '',
    doubled = is_back and now or before.doubled or '',
}))
return epoch
