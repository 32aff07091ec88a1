-- Lists who is known without a pin, in the order of their sids: without a user, or by a token that says no version. ARGV:
-- the sid where the last page ended (empty: there was no page yet), and how many to look at.
if sweep(1000) then
    return 'again'
end
local since = active_since(0)
local sids = call('ZRANGEBYLEX', key('known'), ARGV[5] == '' and '-' or '(' .. ARGV[5], '+', 'LIMIT', 0, ARGV[6])
local rows = {}
for _, sid in ipairs(sids) do
    local v = call('HMGET', key('w', sid), 'v', 'a')
    if not v[1] then
        v = call('HMGET', key('s', sid), 'v', 'a')
    end
    if tonumber(v[2]) > since then
        table.insert(rows, { sid, v[1], now - tonumber(v[2]) })
    end
end
return { rows, #sids == tonumber(ARGV[6]) and sids[#sids] or '' }
