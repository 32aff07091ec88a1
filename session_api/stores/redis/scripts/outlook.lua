-- What a forecast needs. ARGV: version, the first minute to count departures from, how many sessions may be looked at.
if sweep(1000) then
    return 'again'
end
local version, minute, walk = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local left, today = 0, math.floor(now / DAY)
for day = math.max(math.floor(minute / 1440), today - DAYS_KEPT), today do
    local minutes = call('HGETALL', key('d', version, day))
    for i = 1, #minutes, 2 do
        left = left + (tonumber(minutes[i]) >= minute and tonumber(minutes[i + 1]) or 0)
    end
end
local since = active_since(0)
if window > 0 then
    local from = '(' .. math.max(minute * 60 - window, -1)
    left = left + call('ZCOUNT', key('a', version), from, since) + call('ZCOUNT', key('n', version), from, since)
end

local looked = call('ZREVRANGE', key('x', version), 0, walk - 1, 'WITHSCORES')

-- When the member of a version's expiries was last active.
local function active_at(member)
    local kind, sid = string.sub(member, 1, 1), string.sub(member, 3)
    return kind == 'w' and call('ZSCORE', key('n', version), sid) or call('ZSCORE', key('a', version), sid)
end

local ends = #looked == 2 * walk and looked[#looked] or ''
for i = 1, #looked, 2 do
    if tonumber(active_at(looked[i])) > since then
        ends = looked[i + 1]
        break
    end
end
return { ends, left }
