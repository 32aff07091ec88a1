-- Replaces the document, or what is wished of a node. KEYS: lease, and where it is. ARGV: our lease, the text that we
-- know to be there ('': none), and the new one. Returns what came of it: the lease is another one, the document is
-- another one, or it is done.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 'lease'
end
local there = redis.call('GET', KEYS[2]) or ''
if there ~= ARGV[2] and there ~= ARGV[3] then
    return 'document'
end
redis.call('SET', KEYS[2], ARGV[3])
return 'done'
