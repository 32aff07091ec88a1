-- Times as bgctl writes them: RFC 3339 in UTC, with whole seconds.

local date = os.date
local floor = math.floor
local match = string.match
local tonumber, type = tonumber, type

local SHAPE = "^(%d%d%d%d)-(%d%d)-(%d%d)T(%d%d):(%d%d):(%d%d)Z$"

-- LAST is the last second of the year 9999. Some tokens have an `exp` beyond it, which this format has no room for.
local _M = { LAST = 253402300799 }

-- Days from 1970-01-01 to a date of the Gregorian calendar. The year is taken to begin in March, so that the leap day
-- is its last one.
local function days(year, month, day)
    if month <= 2 then
        year, month = year - 1, month + 12
    end
    return 365 * year + floor(year / 4) - floor(year / 100) + floor(year / 400)
        + floor((153 * (month - 3) + 2) / 5) + day - 719469
end

--- Seconds since the epoch; nil when `text` is no such time.
function _M.parse(text)
    if type(text) ~= "string" then
        return nil
    end
    local year, month, day, hour, minute, second = match(text, SHAPE)
    if not year then
        return nil
    end
    month, day, hour, minute, second =
        tonumber(month), tonumber(day), tonumber(hour), tonumber(minute), tonumber(second)
    if month < 1 or month > 12 or day < 1 or day > 31 or hour > 23 or minute > 59 or second > 59 then
        return nil
    end
    return days(tonumber(year), month, day) * 86400 + hour * 3600 + minute * 60 + second
end

--- The time that `seconds` since the epoch are, as text; nil for one beyond LAST.
function _M.format(seconds)
    return seconds <= _M.LAST and date("!%Y-%m-%dT%H:%M:%SZ", seconds) or nil
end

return _M
