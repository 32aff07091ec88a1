-- A file that is replaced while we run: it is read again and again, parsed when its text differs, and swapped in only
-- when it is good. On bad content the last good value stays in force, and each new reason is logged once.

local counters = require("bg.lib.counters")

local ngx = ngx
local setmetatable = setmetatable

local _M = {}
local HotFile = {}
HotFile.__index = HotFile

--- A file that logs and counters call `name`. `read() -> text | nil, why` reads it, `parse(text) -> value | nil, why`
-- makes its value. Fields: `value` (the last good one, nil before the first), `why` (why the newest text was refused,
-- nil when it was not), `good_at` (seconds since the epoch when the file was last found good).
function _M.new(name, read, parse)
    return setmetatable({
        name = name, read = read, parse = parse, good_at = 0,
        refusals = counters.series("bgctl_refused_files_total", name),
    }, HotFile)
end

function HotFile:refuse(why)
    if why ~= self.why then
        self.why = why
        counters.add(self.refusals)
        ngx.log(ngx.ERR, self.name, " refused, the last good one stays in force: ", why)
    end
end

--- Reads the file once. Returns true when a new value was swapped in.
function HotFile:poll()
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
