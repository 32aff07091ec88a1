-- Keeps a node's report. KEYS[1]: its key. ARGV: its JSON, and the seconds for which it is kept. The time is Redis'
-- own: the clocks of nodes differ.
local time = redis.call('TIME')
local at = string.format('{"at":%d.%06d,', time[1], time[2])
redis.call('SET', KEYS[1], at .. string.sub(ARGV[1], 2), 'EX', ARGV[2])
