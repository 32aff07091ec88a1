-- Lists users, the latest first. ARGV: a window, version, limit, and where the last page ended: activity (empty: there
-- was no page yet) and user.
if sweep(1000) then
    return 'again'
end
local since = active_since(tonumber(ARGV[5]))
local users, limit, at, user = key('u', ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
if limit == 0 then
    return {}
end

-- Finds the rank at which the last page ended, by adding that user with that activity for a moment.
local start = 0
if at then
    local stands = tonumber(call('ZSCORE', users, user) or nil)
    call('ZADD', users, at, user)
    start = call('ZREVRANK', users, user)
    if stands then
        call('ZADD', users, stands, user)
        start = stands >= at and start + 1 or start
    else
        call('ZREM', users, user)
    end
end

local page = {}
local found = call('ZREVRANGE', users, start, start + limit - 1, 'WITHSCORES')
for i = 1, #found, 2 do
    if tonumber(found[i + 1]) <= since then
        break
    end
    table.insert(page, { found[i], call('HGET', key('emails'), found[i]) or '', found[i + 1] })
end
return page
