-- The requests that leaving workers still have in flight, with the keys of their sessions: another worker notes those
-- for as long as the leaving worker lives.

local workers = require("bg.workers.workers")

local ngx = ngx
local format, match = string.format, string.match
local ipairs, tonumber = ipairs, tonumber

local dict = ngx.shared.bg_held -- `pid number` -> key

local _M = {}

local function name_of(number)
    return format("%d %.0f", ngx.worker.pid(), number)
end

--- Hands over the request of this worker with this number, of the session under `key`.
function _M.add(number, key)
    dict:safe_set(name_of(number), key)
end

--- The request of this worker with this number has ended.
function _M.drop(number)
    dict:delete(name_of(number))
end

--- The keys of the sessions whose requests are in flight in workers that live: a list, in which one may be twice.
function _M.keys()
    local keys = {}
    for _, name in ipairs(dict:get_keys(0)) do
        local key = dict:get(name)
        if not workers.is_alive(tonumber(match(name, "^%d+"))) then
            dict:delete(name)
        elseif key then
            keys[#keys + 1] = key
        end
    end
    return keys
end

return _M
