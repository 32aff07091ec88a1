-- Shows a session; one that was idle is active again.
local s = get(ARGV[5])
if s and (s.user ~= ARGV[6] or not goes_on(s, tonumber(ARGV[9]), tonumber(ARGV[13]))) then
    return false
end
if s and s.live and s.expires > now and s.at > active_since(0) then
    return answer(ARGV[5], s)
end
return resume()
