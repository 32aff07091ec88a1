-- Takes in a report. ARGV: proxy, reach, epoch, complete, visitors_complete, gauges; the rows (seven values each, of a
-- visitor the user is empty) and the visitors that are gone (sid, age), both in MessagePack, which costs a fraction of an
-- argument for each value; and the name of this start of the proxy.
sweep(500)

-- Nearly all rows say that a known session goes on, where it was. What that changes in the large sets is collected, by key,
-- and written by one command for many; before anything reads those sets.
local MANY = 512 -- arguments of a command, which Lua has to push onto its stack
local later = {}

local function add_later(name, score, member)
    local list = later[name]
    if not list then
        list = {}
        later[name] = list
    end
    list[#list + 1] = score
    list[#list + 1] = member
end

local function write_later()
    for name, list in pairs(later) do
        for i = 1, #list, MANY do
            call('ZADD', name, 'GT', unpack(list, i, math.min(i + MANY - 1, #list)))
        end
    end
    later = {}
end

local function go_on(sid, s, at)
    call('HSET', key('s', sid), 'a', at)
    call('ZADD', key('h', s.version, s.user), at, sid)
    add_later(key('a', s.version), at, sid)
    add_later(key('u', s.version), at, s.user)
    add_later(key('u'), at, s.user)
    if s.email ~= '' and call('HGET', key('emails'), s.user) ~= s.email then
        call('HSET', key('emails'), s.user, s.email)
    end
end

local function note_session(sid, user, version, at, expires, issued)
    local s = get(sid)
    if s and s.user == user and s.live and goes_on(s, issued, expires) and expires <= s.expires and issued <= s.issued
        and (at < s.at or version == s.version) then
        if at > s.at then
            go_on(sid, s, at)
        end
        return
    end
    write_later()
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
    if v[1] and to == place and expires == tonumber(v[3]) then
        if latest > tonumber(v[2]) then
            call('HSET', key('w', sid), 'a', latest)
            add_later(key(ring(kind), to), latest, sid)
        end
        return
    end
    write_later()
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

for _, row in ipairs(cmsgpack.unpack(ARGV[11])) do
    local sid, user, version, age, expires, issued, kind = unpack(row, 1, 7)
    local at = math.max(now - age, 0)
    if user == '' then
        note_visitor(sid, version, at, expires, kind)
    else
        note_session(sid, user, version, at, expires, issued)
    end
end
write_later()
for _, row in ipairs(cmsgpack.unpack(ARGV[12])) do
    local sid, age = unpack(row, 1, 2)
    local v = call('HMGET', key('w', sid), 'v', 'a', 'k')
    if v[1] and tonumber(v[2]) <= now - age then
        drop_visitor(sid, v[1], v[3])
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
local instance, known = ARGV[13], before.instance or ''
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
