-- A file that somebody else replaces: read again and again, parsed when it differs, swapped in only when it is good.
-- On bad content the last good value stays, and each new reason is logged once.

local counters = require("bg.lib.counters")

local ngx = ngx

local _M = {}
local Watched = {}
Watched.__index = Watched

--- Watches what `read() -> text | nil, err` gives; `parse(text) -> value | nil, err` makes the value of it.
-- Fields: `value` (the last good one, nil before the first), `why` (why the newest was refused, nil when it was not),
-- `good_at` (seconds since the epoch when the file last was good). What is refused is counted.
function _M.new(name, read, parse)
    return setmetatable({ name = name, read = read, parse = parse, good_at = 0 }, Watched)
end

function Watched:refuse(why)
    if why ~= self.why then
        self.why = why
        counters.add(counters.series("bgctl_refused_files_total", "file", self.name))
        ngx.log(ngx.ERR, self.name, " refused, the last good one stays in force: ", why)
    end
end

--- Reads once. True when a new value was swapped in.
function Watched:poll()
    local text, err = self.read()
    if not text then
        self:refuse(err)
        return false
    end
    if text ~= self.text then
        local value, why = self.parse(text)
        if value == nil then
            self:refuse(why)
            return false
        end
        self.text, self.value, self.why = text, value, nil
        self.good_at = ngx.now()
        return true
    end
    self.why = nil
    self.good_at = ngx.now()
    return false
end

return _M
