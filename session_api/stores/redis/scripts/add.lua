-- Adds a session. After a broken connection it may come twice: then the session is there already.
sweep(50)
if not get(ARGV[5]) then
    insert(ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11]),
        tonumber(ARGV[9]))
end
return true
