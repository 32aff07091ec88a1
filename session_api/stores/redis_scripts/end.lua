local sid, user = ARGV[5], ARGV[6]
local s = get(sid)
if s and (s.user ~= user or s.ended) then
    return 0
end
if not s then
    call('HSET', key('s', sid), 'u', user, 'e', ARGV[7], 'v', ARGV[8], 'c', ARGV[9], 'a', ARGV[10], 'x', ARGV[11], 'l', '0')
    call('ZADD', key('dead'), ARGV[11], sid)
elseif s.live then
    close(sid, s, now)
end
call('HSET', key('s', sid), 'd', now)
return 1
