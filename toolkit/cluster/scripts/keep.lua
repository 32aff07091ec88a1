-- Keeps a text for good. KEYS: lease, and where the text is kept. ARGV: our lease, and the text. Returns 0 where the
-- lease is not ours any more: nothing is kept then.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[2], ARGV[2])
return 1
