-- Ends a session. A token that was issued in this very second is over only if the store knew it: a log-in right after a
-- log-out counts.
local sid, user, expires = ARGV[5], ARGV[6], tonumber(ARGV[11])
local created, good_until = tonumber(ARGV[9]), tonumber(ARGV[13])
local s = get(sid)
if s and (s.user ~= user or not is_later(s, created, good_until)) then
    return 0
end
if not s then
    call('HSET', key('s', sid), 'u', user, 'e', ARGV[7], 'v', ARGV[8], 'c', created, 'a', ARGV[10], 'l', '0')
    s = { issued = ARGV[12], expires = expires }
elseif s.live then
    close(sid, s, now)
end
expires = math.max(s.expires, expires)
call('ZREM', key('known'), sid)
call('ZADD', key('dead'), expires, sid)
call('HSET', key('s', sid), 'd', now, 'x', expires, 'i', s.issued, 'o', math.max(s.issued, created, now - 1),
    'p', math.max(expires, good_until))
return 1
