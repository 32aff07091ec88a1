-- What every script begins with. KEYS[1] is <base>:store; all keys share its hash tag, so that a cluster keeps them in
-- one slot.
--   <base>:store          hash: epoch, born, fresh, run (of the server that it was made on)
--   <base>:versions       set of the versions that have a session or a visitor
--   <base>:s:SID          hash: a session; u(ser) e(mail) v(ersion) c(reated) a(ctive) x (expires) d (ended) l(ive: counted)
--                         i (when the newest known token was issued); a log-out has ended the tokens that were issued
--                         up to o, and of those that do not say when they were issued, the ones that expire by p
--   <base>:w:SID          hash: a visitor; v a x
--   <base>:x:VERSION      zset: s:SID and w:SID by expiry, of the sessions and visitors that are counted
--   <base>:a:VERSION      zset: SID of sessions by last activity; <base>:n:VERSION: the same of visitors
--   <base>:h:VERSION:USER zset: SID by last activity
--   <base>:u:VERSION      zset: user by last activity; <base>:u of all versions; <base>:emails hash by user
--   <base>:known          zset: SID of those without a pin, of whom a proxy is told that starts anew (clients.lua)
--   <base>:dead           zset: SID by expiry, of sessions that are over but not forgotten
--   <base>:d:VERSION:DAY  hash: how many left, by minute
--   <base>:proxies        hash: reports by name
-- ARGV: now (empty: the server's clock), the window in seconds (0: off), a name for a store that is made now, and whether
-- that store would be fresh.
local call = redis.call
local base = string.sub(KEYS[1], 1, -7)
local now = tonumber(ARGV[1]) or tonumber(call('TIME')[1])
local window = tonumber(ARGV[2])
local DAY, DAYS_KEPT = 86400, 30

local function key(...)
    return table.concat({ base, ... }, ':')
end

-- A server that was emptied is a new store. So is one that was started again: it may have lost the last sessions.
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%w+)') or 'unknown'
local known_run = call('HGET', KEYS[1], 'run')
if known_run ~= run then
    local fresh = known_run and '0' or ARGV[4]
    call('HSET', KEYS[1], 'run', run, 'epoch', ARGV[3], 'born', now, 'fresh', fresh)
end

-- A session counts that was active after this moment; `asked` is a shorter window in seconds, 0 for none.
local function active_since(asked)
    local seconds = window
    if asked > 0 and (window == 0 or asked < window) then
        seconds = asked
    end
    return seconds > 0 and math.max(now - seconds, -1) or -1
end

local function depart(version, at, moment)
    if window > 0 then
        moment = math.min(moment, at + window)
    end
    local minute = math.floor(moment / 60)
    local day = key('d', version, math.floor(minute / 1440))
    call('HINCRBY', day, minute, 1)
    call('EXPIRE', day, (DAYS_KEPT + 1) * DAY)
end

local function get(sid)
    local f = call('HMGET', key('s', sid), 'u', 'e', 'v', 'c', 'a', 'x', 'd', 'l', 'i', 'o', 'p')
    if not f[1] then
        return nil
    end
    return { user = f[1], email = f[2], version = f[3], created = f[4], at = tonumber(f[5]), expires = tonumber(f[6]),
        ended = f[7], live = f[8] == '1', issued = tonumber(f[9] or f[4]), over_iat = tonumber(f[10] or f[7] or 0),
        over_exp = tonumber(f[11] or f[7] and f[6] or 0) }
end

-- Whether a token was issued after the last log-out, if there was one. `issued` is 0 if the token does not say when, and
-- -1 if the proxy does not.
local function is_later(s, issued, expires)
    if issued < 0 then
        return not s.ended
    elseif issued == 0 then
        return expires > s.over_exp
    end
    return issued > s.over_iat
end

-- Whether a session, if it is known, goes on with the token at hand.
local function goes_on(s, issued, good_until)
    return is_later(s, issued, good_until) and math.max(s.expires, good_until) > now
end

local function answer(sid, s)
    return { sid, s.user, s.email, s.version, s.created, s.at, s.expires }
end

-- Whether a proxy that starts anew has to know a session: its token says no version, and it is not a part of one (those
-- have a "~" in their sid).
local function is_held(sid)
    return string.sub(sid, 1, 2) == 't.' and not string.find(sid, '~', 3, true)
end

-- Puts a session into the counts, or moves it there to its new time of activity.
local function put(sid, s)
    call('SADD', key('versions'), s.version)
    call('ZADD', key('x', s.version), s.expires, 's:' .. sid)
    call('ZADD', key('a', s.version), s.at, sid)
    call('ZADD', key('h', s.version, s.user), s.at, sid)
    call('ZADD', key('u', s.version), 'GT', s.at, s.user)
    call('ZADD', key('u'), 'GT', s.at, s.user)
    if s.email ~= '' then
        call('HSET', key('emails'), s.user, s.email)
    end
    if is_held(sid) then
        call('ZADD', key('known'), 0, sid)
    end
end

local function emptied(version)
    if call('EXISTS', key('x', version)) == 0 then
        call('SREM', key('versions'), version)
    end
end

-- Takes a session out of the counts of a version; the user stays there with the latest of the other sessions.
local function take(sid, user, version)
    call('ZREM', key('x', version), 's:' .. sid)
    call('ZREM', key('a', version), sid)
    call('ZREM', key('h', version, user), sid)
    local left = call('ZREVRANGE', key('h', version, user), 0, 0, 'WITHSCORES')[2]
    if left then
        call('ZADD', key('u', version), left, user)
    else
        call('ZREM', key('u', version), user)
    end
    local latest
    for _, other in ipairs(call('SMEMBERS', key('versions'))) do
        local at = tonumber(call('ZSCORE', key('u', other), user) or nil)
        latest = at and math.max(at, latest or at) or latest
    end
    if latest then
        call('ZADD', key('u'), latest, user)
    else
        call('ZREM', key('u'), user)
        call('HDEL', key('emails'), user)
    end
    emptied(version)
end

local function close(sid, s, moment)
    take(sid, s.user, s.version)
    depart(s.version, s.at, math.min(moment, s.expires))
    call('HSET', key('s', sid), 'l', '0')
    call('ZADD', key('dead'), s.expires, sid)
end

local function store(sid, s)
    call('HSET', key('s', sid), 'u', s.user, 'e', s.email, 'v', s.version, 'c', s.created, 'a', s.at, 'x', s.expires, 'l', '1',
        'i', s.issued)
    if s.ended then
        -- A row of an older release has no 'o' and 'p': they are derived from 'd', so they must be stored before it goes.
        call('HSET', key('s', sid), 'o', s.over_iat, 'p', s.over_exp)
        call('HDEL', key('s', sid), 'd')
    end
end

-- Notes that a session was seen. The version is that of the later activity, and no time becomes shorter.
local function touch(sid, s, version, at, expires, email, issued)
    local before = { version = s.version, at = s.at, expires = s.expires, live = s.live }
    s.version = at >= s.at and version or s.version
    s.at, s.expires = math.max(s.at, at), math.max(s.expires, expires)
    local told = s.email == '' and email ~= ''
    s.email = told and email or s.email
    s.live, s.issued = true, math.max(s.issued, issued)
    store(sid, s)
    if told or not before.live or before.version ~= s.version or before.at ~= s.at then
        put(sid, s)
    else
        call('ZADD', key('x', s.version), s.expires, 's:' .. sid)
    end
    if before.live and before.version ~= s.version then
        take(sid, s.user, before.version)
        depart(before.version, before.at, math.min(at, before.expires))
    elseif not before.live then
        call('ZREM', key('dead'), sid)
    end
end

local function insert(sid, user, email, version, created, at, expires, issued)
    local s = { user = user, email = email, version = version, created = created, at = at, expires = expires,
        issued = math.max(issued, 0) }
    store(sid, s)
    put(sid, s)
    return s
end

-- Where the times of activity of those are kept who have no user: sessions that only a cookie names count as sessions.
local function ring(kind)
    return kind == 'session' and 'a' or 'n'
end

local function drop_visitor(sid, version, kind)
    call('DEL', key('w', sid))
    call('ZREM', key('x', version), 'w:' .. sid)
    call('ZREM', key(ring(kind), version), sid)
    call('ZREM', key('known'), sid)
    emptied(version)
end

local function expire(member)
    local sid = string.sub(member, 3)
    if string.sub(member, 1, 1) == 's' then
        local s = get(sid)
        close(sid, s, s.expires)
    else
        local v = call('HMGET', key('w', sid), 'v', 'a', 'x', 'k')
        drop_visitor(sid, v[1], v[4])
        depart(v[1], tonumber(v[2]), tonumber(v[3]))
    end
end

-- Sweeps what has expired, `limit` members at most; true while more is due.
local function sweep(limit)
    for _, version in ipairs(call('SMEMBERS', key('versions'))) do
        local due = call('ZRANGEBYSCORE', key('x', version), '-inf', now, 'LIMIT', 0, limit)
        for _, member in ipairs(due) do
            expire(member)
        end
        limit = limit - #due
        if limit == 0 then
            return true
        end
    end
    for _, sid in ipairs(call('ZRANGEBYSCORE', key('dead'), '-inf', '(' .. now - DAY, 'LIMIT', 0, 50)) do
        call('DEL', key('s', sid))
        call('ZREM', key('dead'), sid)
        call('ZREM', key('known'), sid)
    end
    return false
end

-- Lets the session of a caller's token go on. ARGV: sid, user, email, version, created, active, expires, issued,
-- good_until (Session in session_api/stores/records.py).
local function resume()
    local sid, user, email, version = ARGV[5], ARGV[6], ARGV[7], ARGV[8]
    local at, expires = tonumber(ARGV[10]), tonumber(ARGV[11])
    if expires <= now then
        return false
    end
    local s = get(sid)
    if not s then
        return answer(sid, insert(sid, user, email, version, ARGV[9], at, expires, tonumber(ARGV[12])))
    end
    if s.user ~= user or not goes_on(s, tonumber(ARGV[9]), tonumber(ARGV[13])) then
        return false
    end
    touch(sid, s, version, at, expires, email, tonumber(ARGV[12]))
    return answer(sid, s)
end
