local s = get(ARGV[5])
if s and (s.user ~= ARGV[6] or s.ended or s.expires <= now) then
    return false
end
if s and s.at > active_since(0) then
    return answer(ARGV[5], s)
end
return resume()
