-- What the Set-Cookie lines of an answer do to a cookie (RFC 6265, section 5.2): an app sets its session's cookie at a
-- log-in, replaces it, and clears it at a log-out. Values in, a value out.

local timestamp = require("bg.lib.timestamp")

local find, gmatch, gsub, lower, match, sub = string.find, string.gmatch, string.gsub, string.lower, string.match,
    string.sub
local format = string.format
local ipairs, tonumber, type = ipairs, tonumber, type

-- The date of Expires in any form in use; only the order day, month, year, time is common to all of them but the one of
-- C's asctime(), "Sun Nov  6 08:49:37 1994", which browsers read as well.
local DATE = "(%d%d?)[ -](%a%a%a)[ -](%d%d%d?%d?)%s+(%d%d):(%d%d):(%d%d)"
local ASCTIME = "(%a%a%a)%s+(%d%d?)%s+(%d%d):(%d%d):(%d%d)%s+(%d%d%d%d)"
local MONTHS = {
    jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12,
}

local _M = {}

local function trim(text)
    return match(text, "^%s*(.-)%s*$")
end

-- Seconds since the epoch; nil for what is no date (browsers ignore such an Expires).
local function moment(text)
    local day, month, year, hour, minute, second = match(text, DATE)
    if not day then
        month, day, hour, minute, second, year = match(text, ASCTIME)
    end
    month = month and MONTHS[lower(month)]
    if not month then
        return nil
    end
    year = tonumber(year)
    if year < 100 then
        year = year + (year < 70 and 2000 or 1900)
    end
    return timestamp.parse(format("%04d-%02d-%02dT%s:%s:%sZ", year, month, tonumber(day), hour, minute, second))
end

-- Whether the attributes of a cookie say that it is over. Max-Age counts more than Expires does.
local function is_over(attributes, now)
    local age, expires
    for each in gmatch(attributes, "[^;]+") do
        local name, value = match(each, "^%s*([%a-]+)%s*=(.*)$")
        name = name and lower(name)
        if name == "max-age" then
            age = tonumber(match(value, "^%s*(-?%d+)%s*$")) or age
        elseif name == "expires" then
            expires = moment(value) or expires
        end
    end
    if age then
        return age <= 0
    end
    return expires ~= nil and expires <= now
end

-- The value that one line gives to the cookie `name`: "" where it clears it, nil where the line is another cookie's.
local function value_of(line, name, now)
    local stop = find(line, ";", 1, true) or #line + 1
    local pair = sub(line, 1, stop - 1)
    local equals = find(pair, "=", 1, true)
    if not equals or trim(sub(pair, 1, equals - 1)) ~= name then
        return nil
    end
    local value = trim(sub(pair, equals + 1))
    if gsub(value, '"', "") == "" or is_over(sub(line, stop), now) then
        return ""
    end
    return value
end

--- The value that `lines` (a text, a list of texts, or nil) give to the cookie `name`; "" where they clear it, nil
-- where they do not name it. An app may clear a cookie on several paths and set it on one: then it is set.
function _M.value(lines, name, now)
    local found
    for _, line in ipairs(type(lines) == "table" and lines or { lines }) do
        local value = value_of(line, name, now)
        if value and (value ~= "" or not found) then
            found = value
        end
    end
    return found
end

return _M
